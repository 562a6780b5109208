// SPDX-License-Identifier: MIT
import type { Attachment, Room, Upload, UploadOptions, UploadState } from 'kibray-client';
import { Store } from './store.js';

export interface UploadItem extends UploadState {
  upload: Upload;
  file: File;
  /** When it is done. */
  attachment?: Attachment;
}

/** The files that are on their way into one room. */
export class UploadsStore extends Store<{ items: UploadItem[] }> {
  constructor(private readonly room: Room) {
    super({ items: [] });
  }

  protected begin(): () => void {
    return this.room.open();
  }

  add = (files: Iterable<File>, options?: UploadOptions): Upload[] => [...files].map((file) => {
    const upload = this.room.upload(file, options);
    this.set({ items: [...this.state.items, { upload, file, ...upload.state }] });
    upload.on('change', (state) => this.#change(upload, state));
    upload.done.then((attachment) => this.#change(upload, { attachment }), () => {});
    return upload;
  });

  /** Out of the list; cancelled if it is not complete. */
  remove = (upload: Upload): void => {
    upload.cancel();
    this.set({ items: this.state.items.filter((item) => item.upload !== upload) });
  };

  #change(upload: Upload, change: Partial<UploadItem>): void {
    this.set({ items: this.state.items.map((item) => (item.upload === upload ? { ...item, ...change } : item)) });
  }
}
