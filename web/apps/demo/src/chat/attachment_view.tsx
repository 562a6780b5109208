// SPDX-License-Identifier: MIT
import type { Attachment } from 'kibray-client';
import { useKibray } from 'kibray-react';
import { useEffect, useState } from 'react';
import { fileSize, isImage } from '../lib/format';
import { Dialog } from '../shell/dialog';
import { Icon } from '../shell/icons';
import { useToast } from '../shell/toasts';

/** The file as a blob: address while it is shown; null until it is there. */
function useFile(url: string, thumbnail: boolean): { src: string | null; isBroken: boolean } {
  const client = useKibray();
  const [state, setState] = useState<{ src: string | null; isBroken: boolean }>({ src: null, isBroken: false });
  useEffect(() => {
    let src: string | null = null;
    let isWanted = true;
    client.api.fileUrl(url, { thumbnail }).then((address) => {
      if (isWanted) {
        src = address;
        setState({ src, isBroken: false });
      } else {
        URL.revokeObjectURL(address);
      }
    }, () => isWanted && setState({ src: null, isBroken: true }));
    return () => {
      isWanted = false;
      if (src) {
        URL.revokeObjectURL(src);
      }
    };
  }, [client, url, thumbnail]);
  return state;
}

export function AttachmentView({ file }: { file: Attachment }) {
  return isImage(file.file_type) ? <ImageView file={file} /> : <FileView file={file} />;
}

function ImageView({ file }: { file: Attachment }) {
  const { src, isBroken } = useFile(file.url, true);
  const [isOpen, setIsOpen] = useState(false);
  if (isBroken) {
    return <FileView file={file} />;
  }
  return (
    <>
      <button type="button" className="image" aria-label={`Show the image ${file.file_name}`} onClick={() => setIsOpen(true)}>
        {src ? <img src={src} alt={file.file_name} /> : <span className="skeleton image-skeleton" />}
      </button>
      {isOpen && <Lightbox file={file} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function Lightbox({ file, onClose }: { file: Attachment; onClose: () => void }) {
  const { src, isBroken } = useFile(file.url, false);
  return (
    <Dialog label={file.file_name} className="lightbox" onClose={onClose}>
      <div className="lightbox-head">
        <span>{file.file_name} <span className="muted">{fileSize(file.file_size)}</span></span>
        {src && <a className="icon-button" href={src} download={file.file_name} aria-label="Download" title="Download"><Icon name="download" /></a>}
        <button type="button" className="icon-button" aria-label="Close" onClick={onClose}><Icon name="close" /></button>
      </div>
      {src ? <img src={src} alt={file.file_name} /> : <p className="panel-empty">{isBroken ? 'It cannot be shown.' : 'Loading…'}</p>}
    </Dialog>
  );
}

function FileView({ file }: { file: Attachment }) {
  const client = useKibray();
  const toast = useToast();
  const download = async () => {
    try {
      const link = document.createElement('a');
      link.href = await client.api.fileUrl(file.url);
      link.download = file.file_name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch {
      toast({ title: 'The file cannot be read now.', text: file.file_name, kind: 'error' });
    }
  };
  return (
    <button type="button" className="file" onClick={() => void download()}>
      <span className="hidden">Download </span>
      <span className="tile"><Icon name="file" /></span>
      <span className="file-text"><span className="file-name">{file.file_name}</span><span className="muted">{fileSize(file.file_size)}</span></span>
      <Icon name="download" size={18} />
    </button>
  );
}
