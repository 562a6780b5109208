/* SPDX-License-Identifier: MIT */
/* The one buffer of ready frames behind a topic. Knows bytes, numbers and excluded users; no
 * subscribers and no time. Used by topic.c.
 *
 *     data:   | given up | frame 7 | frame 8 | frame 9 |
 *             0          head      ^mark 7   ^mark 8   ^mark 9 (each holds where its frame ends)
 *
 * Trimming only moves `head`; the bytes move when half of the buffer is given up, so that each
 * byte is moved once on average. */
#include "gateway/topic_log.h"

#include "gateway/map.h"

#define MARKS_FIRST_CAP 8u
#define COMPACT_MIN_BYTES 4096u
#define PASSING_KEEP 256u /* states remembered before those without a frame are looked for */

struct topic_mark {
    uint64_t end[TOPIC_CLASSES]; /* absolute offset behind the frame */
    int64_t exclude_user;
    uint64_t exclude_conn;
    uint64_t excluding_before; /* frames before this one that exclude somebody */
    int64_t passing;
    uint64_t passing_before; /* frames before this one that tell a passing state */
};

struct topic_passing { /* the newest frame of a state */
    UT_hash_handle hh;
    int64_t state;
    uint64_t no;
};

void topic_log_init(struct topic_log *log, size_t max_bytes)
{
    *log = (struct topic_log){0};
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        buf_init(&log->data[c], max_bytes);
    }
}

/* States whose newest frame is before `no`. */
static void forget_passing(struct topic_log *log, uint64_t no)
{
    struct topic_passing *p, *tmp;

    HASH_ITER(hh, log->newest, p, tmp) {
        if (p->no < no) {
            HASH_DEL(log->newest, p);
            mem_free(p);
        }
    }
}

static struct topic_passing *passing_find(const struct topic_log *log, int64_t state)
{
    struct topic_passing *p;

    HASH_FIND(hh, log->newest, &state, sizeof(state), p);
    return p;
}

/* Frame `no` is the newest of its state. Without memory older ones are only not skipped. */
static void note_passing(struct topic_log *log, int64_t state, uint64_t no)
{
    struct topic_passing *p = passing_find(log, state);

    if (!p && HASH_COUNT(log->newest) >= log->passing_sweep_at) {
        forget_passing(log, log->first_no);
        /* Twice what is left: sweeping stays cheap, however many states are in the log. */
        log->passing_sweep_at = 2 * HASH_COUNT(log->newest) + PASSING_KEEP;
    }
    if (!p && (p = mem_zalloc(sizeof(*p)))) {
        p->state = state;
        HASH_ADD(hh, log->newest, state, sizeof(p->state), p);
        if (MAP_HAS_FAILED(p)) {
            mem_free(p);
            return;
        }
    }
    if (p) {
        p->no = no;
    }
}

void topic_log_done(struct topic_log *log)
{
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        buf_done(&log->data[c]);
    }
    forget_passing(log, UINT64_MAX);
    mem_free(log->marks);
    log->marks = NULL;
    log->mark_cap = log->mark_head = log->count = 0;
}

static struct topic_mark *mark_at(const struct topic_log *log, uint64_t no)
{
    return &log->marks[(log->mark_head + (uint32_t)(no - log->first_no)) % log->mark_cap];
}

static uint64_t data_end(const struct topic_log *log, enum topic_class class)
{
    return log->data_base[class] + log->data[class].len - log->data_head[class];
}

/* Absolute offset at which frame `no` begins; for the end of the log, where the next will. */
static uint64_t begin_of(const struct topic_log *log, enum topic_class class, uint64_t no)
{
    return no == log->first_no ? log->data_base[class] : mark_at(log, no - 1)->end[class];
}

static int grow_marks(struct topic_log *log)
{
    uint32_t cap = log->mark_cap ? log->mark_cap * 2 : MARKS_FIRST_CAP;
    struct topic_mark *marks;

    if (log->count < log->mark_cap) {
        return 0;
    }
    marks = mem_alloc(cap * sizeof(*marks));
    if (!marks) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < log->count; i++) {
        marks[i] = *mark_at(log, log->first_no + i);
    }
    mem_free(log->marks);
    log->marks = marks;
    log->mark_cap = cap;
    log->mark_head = 0;
    return 0;
}

static void compact(struct topic_log *log, enum topic_class class)
{
    buf_consume(&log->data[class], log->data_head[class]);
    log->data_head[class] = 0;
}

static int append_bytes(struct topic_log *log, enum topic_class class, struct bytes bytes)
{
    int err = buf_append(&log->data[class], bytes);

    if (err == ERR_FULL && log->data_head[class] > 0) {
        compact(log, class);
        err = buf_append(&log->data[class], bytes);
    }
    return err;
}

int topic_log_append(struct topic_log *log, const struct topic_frame *frame)
{
    size_t plain_len = log->data[TOPIC_PLAIN].len - log->data_head[TOPIC_PLAIN];
    int err = grow_marks(log);
    struct topic_mark *mark;

    if (err == 0) {
        err = append_bytes(log, TOPIC_PLAIN, frame->bytes[TOPIC_PLAIN]);
    }
    if (err != 0) {
        return err;
    }
    err = append_bytes(log, TOPIC_DEFLATED, frame->bytes[TOPIC_DEFLATED]);
    if (err != 0) {
        log->data[TOPIC_PLAIN].len = log->data_head[TOPIC_PLAIN] + plain_len;
        return err;
    }
    mark = mark_at(log, topic_log_end(log));
    mark->exclude_user = frame->exclude_user;
    mark->exclude_conn = frame->exclude_conn;
    mark->excluding_before = log->excluding;
    mark->passing = frame->passing;
    mark->passing_before = log->passing;
    if (frame->passing) {
        note_passing(log, frame->passing, topic_log_end(log));
        log->passing++;
    }
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        mark->end[c] = data_end(log, (enum topic_class)c);
    }
    log->excluding += frame->exclude_user != 0 || frame->exclude_conn != 0;
    log->count++;
    return 0;
}

uint64_t topic_log_bytes_from(const struct topic_log *log, enum topic_class class, uint64_t no)
{
    return data_end(log, class) - begin_of(log, class, no);
}

uint64_t topic_log_frames_from(const struct topic_log *log, uint64_t no)
{
    uint64_t frames = topic_log_end(log) - no;

    return frames == 0 ? 0 : frames - (log->passing - mark_at(log, no)->passing_before);
}

void topic_log_trim(struct topic_log *log, uint64_t no)
{
    if (no <= log->first_no) {
        return;
    }
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        uint64_t begin = begin_of(log, (enum topic_class)c, no);
        log->data_head[c] += (size_t)(begin - log->data_base[c]);
        log->data_base[c] = begin;
        if (log->data_head[c] == log->data[c].len) {
            buf_reset(&log->data[c]);
            log->data_head[c] = 0;
        } else if (log->data_head[c] >= COMPACT_MIN_BYTES &&
                   log->data_head[c] >= log->data[c].len / 2) {
            compact(log, (enum topic_class)c);
        }
    }
    log->mark_head = (log->mark_head + (uint32_t)(no - log->first_no)) % log->mark_cap;
    log->count -= (uint32_t)(no - log->first_no);
    log->first_no = no;
}

void topic_log_shrink(struct topic_log *log)
{
    if (log->count > 0) {
        return;
    }
    for (int c = 0; c < TOPIC_CLASSES; c++) {
        buf_shrink(&log->data[c], 0);
    }
    forget_passing(log, UINT64_MAX);
    mem_free(log->marks);
    log->marks = NULL;
    log->mark_cap = log->mark_head = 0;
}

/* The bytes between two absolute offsets. */
static struct bytes slice(const struct topic_log *log, enum topic_class class, uint64_t from,
                          uint64_t to)
{
    size_t at = log->data_head[class] + (size_t)(from - log->data_base[class]);

    return to == from ? BYTES_NONE : bytes_of(log->data[class].data + at, (size_t)(to - from));
}

/* The frame number up to which max_bytes from `no` reach, at least one frame. Binary search. */
static uint64_t reach_of(const struct topic_log *log, enum topic_class class, uint64_t no,
                         size_t max_bytes)
{
    uint64_t limit = begin_of(log, class, no) + max_bytes;
    uint64_t low = no + 1, high = topic_log_end(log);

    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (mark_at(log, middle - 1)->end[class] <= limit) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static bool has_skipped(const struct topic_log *log, const struct topic_reader *r, uint64_t next)
{
    const struct topic_mark *first = mark_at(log, r->no), *last = mark_at(log, next - 1);

    if (r->is_lagging && (last->passing || last->passing_before != first->passing_before)) {
        return true;
    }
    return last->exclude_user != 0 || last->exclude_conn != 0 ||
           last->excluding_before != first->excluding_before;
}

static bool is_for(const struct topic_log *log, const struct topic_reader *r, uint64_t no)
{
    const struct topic_mark *mark = mark_at(log, no);
    const struct topic_passing *newest;

    if ((mark->exclude_user && mark->exclude_user == r->user_id) ||
        (mark->exclude_conn && mark->exclude_conn == r->conn)) {
        return false;
    }
    if (!r->is_lagging || !mark->passing) {
        return true;
    }
    newest = passing_find(log, mark->passing);
    return !newest || newest->no == no;
}

/* Copy the frames that are for this reader, run by run. */
static int gather(const struct topic_log *log, const struct topic_reader *r, uint64_t next,
                  struct buf *scratch)
{
    uint64_t run = begin_of(log, r->class, r->no);
    int err = 0;

    for (uint64_t i = r->no; i < next && err == 0; i++) {
        if (!is_for(log, r, i)) {
            err = buf_append(scratch, slice(log, r->class, run, begin_of(log, r->class, i)));
            run = mark_at(log, i)->end[r->class];
        }
    }
    if (err == 0) {
        err = buf_append(scratch, slice(log, r->class, run, begin_of(log, r->class, next)));
    }
    return err;
}

int topic_log_span(const struct topic_log *log, const struct topic_reader *reader, size_t max_bytes,
                   struct buf *scratch, struct bytes *out_bytes, uint64_t *out_next)
{
    enum topic_class class = reader->class;
    uint64_t next;
    int err;

    if (reader->no == topic_log_end(log)) {
        *out_bytes = BYTES_NONE;
        *out_next = reader->no;
        return 0;
    }
    next = reach_of(log, class, reader->no, max_bytes);
    if (!has_skipped(log, reader, next)) {
        *out_bytes =
            slice(log, class, begin_of(log, class, reader->no), begin_of(log, class, next));
        *out_next = next;
        return 0;
    }
    buf_reset(scratch);
    err = gather(log, reader, next, scratch);
    if (err == 0) {
        *out_bytes = buf_bytes(scratch);
        *out_next = next;
    }
    return err;
}
