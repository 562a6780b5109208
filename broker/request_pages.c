/* SPDX-License-Identifier: MIT */
/* The routes that read a channel: its history, and searching in it. Access is checked by the same
 * statement that reads. Called by request_http.c.
 *
 *   query -> access and rows, one statement -> page
 *    400        404, 403                        */
#include "broker/request_api.h"

#include "broker/http_listing.h"

static struct bytes words_of(const struct request *req)
{
    return http_field_bytes(&req->api->page.fields[PAGE_WORDS]);
}

static void answer_page(struct request *req, const struct message_page *page)
{
    const struct page_query *q = &req->api->page;
    struct bytes words = words_of(req);
    struct page_listing listing = {.page = page,
                                   .route = words.len > 0 ? "search" : "messages",
                                   .channel_id = req->path_id,
                                   .before = q->before,
                                   .is_forward = q->has_after && words.len == 0,
                                   .words = words,
                                   .limit = q->limit};
    struct buf body;
    int err;

    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_page(&listing, &body);
    request_api_answer(req, 200, err, &body);
}

static void on_page(void *arg, int err, const struct message_page *page)
{
    struct request *req = step_end(arg);

    if (!request_api_goes_on(req, err, "page")) {
        return;
    }
    if (!page) {
        request_api_refuse(req, 404, CODE_CHANNEL_NOT_FOUND);
    } else if (!page->may_enter) {
        request_api_refuse(req, 403, CODE_PERMISSION_DENIED);
    } else {
        answer_page(req, page);
    }
}

/* Read the query and ask the store. */
static void run(struct request *req, bool is_search)
{
    struct page_query *q = &req->api->page;
    struct page_request page;
    struct step *step = NULL;
    int err =
        page_query_read(request_api_input(req), is_search ? PAGE_OF_SEARCH : PAGE_OF_MESSAGES, q);

    if (err == ERR_MISSING) {
        request_http_problems(req, HTTP_PROBLEMS_WITH_DETAIL, q->fields, PAGE_FIELD_COUNT);
        return;
    }
    page = (struct page_request){
        .channel_id = req->path_id,
        .user_id = req->api->user_id,
        .after = q->after,
        .before = q->before > 0 ? q->before : INT64_MAX,
        .limit = is_search ? q->limit : q->limit + 1, /* one more: is there a next page? */
        .is_forward = q->has_after,
    };
    if (err == 0) {
        step = step_begin(req);
        err = step ? 0 : ERR_NOMEM;
    }
    if (err == 0 && is_search) {
        err = store_search(req->owner->deps.store, &page, words_of(req), on_page, step);
    } else if (err == 0) {
        err = store_messages(req->owner->deps.store, &page, on_page, step);
    }
    request_api_submitted(req, step, err, "page");
}

static void messages_run(struct request *req)
{
    run(req, false);
}

static void search_run(struct request *req)
{
    run(req, true);
}

void request_messages(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->query, messages_run);
}

void request_search(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->query, search_run);
}
