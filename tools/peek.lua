-- SPDX-License-Identifier: MIT
-- Prints the newest entries of a stream between gateways and brokers, oldest of them first, one
-- line of JSON for each envelope or item:
--
--     redis-cli --raw --eval tools/peek.lua kb:in:{0} , 10
--
-- Reads in:{p} and dead:in (envelopes, proto/envelope.h) and out:{gateway} and dead:out (sections
-- of items, proto/delivery.h); changes nothing. Credentials, cookies, query strings, HTTP headers
-- and bodies are shown as sizes only.

local COUNT_DEFAULT, COUNT_MAX = 10, 1000
local VERSION = 4
local DEPTH_MAX = 8
local EXACT_BITS = 53 -- of a Lua number; larger integers are tables {hex = "16 digits"}

-- ---------------------------------------------------------------------------------------------
-- msgpack. (Redis has cmsgpack, but that of Redis 7 knows no bin, and no exact 64-bit integers.)
-- Only what the protocol uses; anything else is an error, as is the end inside a value.

local function big_endian(packed, at, width)
    local n = 0
    for i = at, at + width - 1 do
        n = n * 256 + (packed:byte(i) or error("it ends inside a number", 0))
    end
    return n
end

local function integer(packed, at, width)
    if width < 8 then
        return big_endian(packed, at, width)
    end
    local high, low = big_endian(packed, at, 4), big_endian(packed, at + 4, 4)
    if high < 2 ^ (EXACT_BITS - 32) then
        return high * 2 ^ 32 + low
    end
    return {hex = string.format("%08x%08x", high, low)}
end

local read_value

-- The readers give the value and the position behind it.
local function read_string(packed, at, len)
    if at + len - 1 > #packed then
        error("it ends inside a string", 0)
    end
    return packed:sub(at, at + len - 1), at + len
end

local function read_array(packed, at, len, depth)
    if depth >= DEPTH_MAX then
        error("too deep", 0)
    end
    local array = {}
    for i = 1, len do
        array[i], at = read_value(packed, at, depth + 1)
    end
    return array, at
end

local WIDTHS = { -- of the integer, or of the length, that follows these type bytes
    [0xcc] = 1, [0xcd] = 2, [0xce] = 4, [0xcf] = 8,
    [0xc4] = 1, [0xc5] = 2, [0xc6] = 4, [0xd9] = 1, [0xda] = 2, [0xdb] = 4,
    [0xdc] = 2, [0xdd] = 4,
}

function read_value(packed, at, depth)
    local head = packed:byte(at) or error("it ends too early", 0)
    local width = WIDTHS[head]
    if head < 0x80 then
        return head, at + 1
    elseif head >= 0x90 and head < 0xa0 then
        return read_array(packed, at + 1, head - 0x90, depth)
    elseif head >= 0xa0 and head < 0xc0 then
        return read_string(packed, at + 1, head - 0xa0)
    elseif head == 0xc2 or head == 0xc3 then
        return head == 0xc3, at + 1
    elseif not width then
        error(string.format("type byte %02x at %d", head, at - 1), 0)
    end
    local n, next_at = integer(packed, at + 1, width), at + 1 + width
    if head >= 0xcc and head <= 0xcf then
        return n, next_at
    elseif head >= 0xdc then
        return read_array(packed, next_at, n, depth)
    end
    return read_string(packed, next_at, n)
end

-- ---------------------------------------------------------------------------------------------
-- JSON with keys in a given order. A record is a list of {key, ready JSON}.

local function quote(text)
    return (cjson.encode(text):gsub("\\/", "/"))
end

local function whole(n)
    return string.format("%.0f", n)
end

local function object(record)
    local parts = {}
    for i, pair in ipairs(record) do
        parts[i] = quote(pair[1]) .. ":" .. pair[2]
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

-- ---------------------------------------------------------------------------------------------
-- How a decoded field is shown. Each gives JSON, and fails on a value of another type.

local function must(is_right, what)
    if not is_right then
        error(what, 0)
    end
end

local function text(value)
    must(type(value) == "string", "not a string")
    return quote(value)
end

-- What came in HTTP may be any bytes.
local function ascii(value)
    must(type(value) == "string", "not a string")
    return quote((value:gsub("[\128-\255]", "?")))
end

local function is_large(value)
    return type(value) == "table" and value.hex
end

local function number(value)
    must(type(value) == "number" or is_large(value), "not a number")
    return is_large(value) and quote("0x" .. value.hex) or whole(value)
end

-- The form in which logs have connection ids.
local function connection(value)
    must(type(value) == "number" or is_large(value), "not a number")
    return quote(is_large(value) and value.hex or string.format("%016x", value))
end

local function boolean(value)
    must(type(value) == "boolean", "not a boolean")
    return tostring(value)
end

local function size(value)
    must(type(value) == "string", "not a string")
    return object({{"bytes", whole(#value)}})
end

-- A frame as the client gets it; as text when it is not JSON.
local function json(value)
    must(type(value) == "string", "not a string")
    return pcall(cjson.decode, value) and value:gsub("[\r\n]", " ") or quote(value)
end

local function name_of(names)
    return function(value)
        must(type(value) == "number", "not a number")
        return names[value] and quote(names[value]) or whole(value)
    end
end

local function list_of(show)
    return function(value)
        must(type(value) == "table", "not an array")
        local parts = {}
        for i = 1, #value do
            parts[i] = show(value[i])
        end
        return "[" .. table.concat(parts, ",") .. "]"
    end
end

-- Pairs of {name, how to show it} for an array, from its element `first` on.
local function put_fields(record, fields, values, first)
    must(type(values) == "table", "not an array")
    for i, field in ipairs(fields) do
        record[#record + 1] = {field[1], field[2](values[first + i - 1])}
    end
    return record
end

local function array_of(fields)
    return function(value)
        return object(put_fields({}, fields, value, 1))
    end
end

-- ---------------------------------------------------------------------------------------------
-- The fields of every kind, in the order of the structs in proto/.

local ENDPOINTS = {"chat", "notifications", "status", "echo"}
local CLIENT_KINDS = {
    "chat_message", "edit_message", "delete_message", "typing", "read_receipt", "mark_read",
    "batch_update", "mark_all_read", "dismiss", "status_update", "upload_file", "upload_chunk",
    "cancel_upload", "refresh_token", "ping", "heartbeat",
}
local UPLOAD_ACTIONS = {"start", "chunk", "cancel"}
local TYPING_CHANGES = {[0] = "on", "off", "stop"}
local CODES = {
    "AUTHENTICATION_FAILED", "RATE_LIMIT_EXCEEDED", "INVALID_MESSAGE", "PERMISSION_DENIED",
    "CHANNEL_NOT_FOUND", "MESSAGE_TOO_LARGE", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR",
}

local actor = array_of({
    {"user_id", number}, {"username", text}, {"avatar", text}, {"is_staff", boolean},
})
local credentials = array_of({
    {"authorization", size}, {"query_token", size}, {"subprotocol", size}, {"cookie", size},
    {"has_query_token", boolean},
})
local client_message = array_of({
    {"kind", name_of(CLIENT_KINDS)}, {"client_id", text}, {"text", text}, {"channel_id", number},
    {"reply_to", number}, {"message_id", number},
    {"notification_id", number}, {"is_typing", boolean},
    {"attachments", list_of(number)},
})

-- Index and length in the halves of one number.
local function chunk(value)
    must(type(value) == "number", "not a number")
    local index = math.floor(value / 2 ^ 32)
    return object({{"index", whole(index)}, {"bytes", whole(value - index * 2 ^ 32)}})
end

local UP = {
    {"OPEN", {
        {"endpoint", name_of(ENDPOINTS)}, {"room", text}, {"credentials", credentials},
        {"address", text},
    }},
    {"JOIN", {
        {"actor", actor}, {"topic", text}, {"is_rejoin", boolean}, {"has_since", boolean},
        {"since", number},
    }},
    {"LEAVE", {
        {"user_id", number}, {"username", text}, {"topic", text}, {"is_clean", boolean},
        {"is_typing", boolean},
    }},
    {"FRAME", {
        {"frame_no", number}, {"received_us", number}, {"actor", actor}, {"topic", text},
        {"is_outside", boolean}, {"message", client_message},
    }},
    {"HTTP", {
        {"method", ascii}, {"path", ascii}, {"query", size}, {"body", size},
        {"content_type", ascii}, {"address", text}, {"credentials", credentials},
        {"range", ascii}, {"if_range", ascii}, {"if_none_match", ascii}, {"body_bytes", number},
    }},
    {"HISTORY", {{"topic", text}, {"after", number}, {"until", number}}},
    {"REFRESH", {
        {"frame_no", number}, {"received_us", number}, {"user_id", number}, {"client_id", text},
        {"token", size},
    }},
    {"NOTIFY", {
        {"source", text}, {"channel_id", number}, {"message_id", number}, {"created_ms", number},
        {"title", text}, {"message", text}, {"category", text}, {"url", text}, {"users", size},
    }},
    {"UPLOAD", {
        {"frame_no", number}, {"received_us", number}, {"actor", actor}, {"topic", text},
        {"client_id", text}, {"action", name_of(UPLOAD_ACTIONS)}, {"is_http", boolean},
        {"upload_id", text}, {"file_name", text}, {"file_type", text}, {"file_size", number},
        {"channel_id", number}, {"is_posted", boolean}, {"chunk", chunk}, {"blob", number},
    }},
    {"PULL", {{"ref", text}, {"offset", number}, {"bytes", number}, {"blob", number}}},
}

local DOWN = {
    {"GRANTED", {
        {"actor", actor}, {"topic", text}, {"as_of_ms", number}, {"login", connection},
        {"expires_s", number},
    }},
    {"REFUSED", {{"code", name_of(CODES)}, {"close", number}}},
    {"JOINED", {{"topic", text}, {"seq", number}, {"is_resumed", boolean}, {"frame", json}}},
    {"TOPIC", {
        {"topic", text}, {"seq", number}, {"exclude_user", number}, {"exclude_conn", connection},
        {"author", number}, {"frame", json},
    }},
    {"REPLY", {{"frame_no", number}, {"received_us", number}, {"frame", json}}},
    {"ACK", {{"frame_no", number}, {"received_us", number}}},
    {"HTTP", {
        {"status", number}, {"content_type", ascii}, {"headers", size}, {"body", size},
        {"ref", text}, {"ref_offset", number}, {"ref_bytes", number},
    }},
    {"KICK", {
        {"user_id", number}, {"topic", text}, {"login", connection}, {"as_of_ms", number},
        {"code", name_of(CODES)}, {"close", number},
    }},
    {"TYPING", {
        {"topic", text}, {"channel_id", number}, {"user_id", number}, {"username", text},
        {"change", name_of(TYPING_CHANGES)},
    }},
    {"HISTORY", {{"topic", text}, {"after", number}, {"until", number}, {"frames", size}}},
    {"REFRESHED", {
        {"frame_no", number}, {"received_us", number}, {"login", connection},
        {"expires_s", number},
    }},
    {"SEND", {{"frame", json}}},
    {"WANTED", {{"actor", actor}, {"topic", text}, {"upload_id", text}}},
    {"PULLED", {{"offset", number}, {"blob", number}, {"bytes", number}}},
}

-- {kind, conn, fields…} from the element `first` of `values` on.
local function put_kind(record, kinds, values, first)
    local kind = kinds[values[first]]
    must(kind, "unknown kind")
    must(#values == first + 1 + #kind[2], "wrong number of fields")
    record[#record + 1] = {"kind", quote(kind[1])}
    record[#record + 1] = {"conn", connection(values[first + 1])}
    return put_fields(record, kind[2], values, first + 2)
end

local function must_be_version(values)
    must(type(values) == "table", "not an array")
    must(values[1] == VERSION, "unknown version")
end

-- ---------------------------------------------------------------------------------------------
-- Entries. A line begins with what it shares with the others of its entry.

local lines = {}

local function copy(record)
    local new = {}
    for i, pair in ipairs(record) do
        new[i] = pair
    end
    return new
end

local function add_line(record)
    lines[#lines + 1] = object(record)
end

local function add_bad(shared, why)
    local record = copy(shared)
    record[#record + 1] = {"bad", quote(why)}
    add_line(record)
end

local function add_envelope(shared, values)
    must_be_version(values)
    add_line(put_kind(copy(shared), UP, values, 2))
end

local function add_section(shared, values)
    must_be_version(values)
    must(type(values[5]) == "table", "no items")
    local head = copy(shared)
    head[#head + 1] = {"partition", number(values[2])}
    head[#head + 1] = {"origin", quote(number(values[3]) .. "-" .. number(values[4]))}
    for _, item in ipairs(values[5]) do
        must(type(item) == "table", "not an array")
        add_line(put_kind(copy(head), DOWN, item, 1))
    end
end

-- All values of an entry, up to the first that cannot be read; as strict as the daemons.
local function add_values(shared, packed, promised, add)
    local at, count = 1, 0
    while at <= #packed do
        local value
        value, at = read_value(packed, at, 0)
        add(shared, value)
        count = count + 1
    end
    if promised then -- a dead letter has no n
        must(count == promised, string.format("%d values where n is %d", count, promised))
    end
end

local function add_entry(entry, add)
    local shared = {{"at", quote(entry[1])}}
    local fields = entry[2]
    local packed, promised
    for i = 1, #fields, 2 do
        if fields[i] == "e" then
            packed = fields[i + 1]
        elseif fields[i] == "n" then
            promised = tonumber(fields[i + 1])
        else
            shared[#shared + 1] = {fields[i], ascii(fields[i + 1])}
        end
    end
    local is_read, why = pcall(add_values, shared, packed or "", promised, add)
    if not is_read then
        add_bad(shared, tostring(why))
    end
end

local function adder_of(key)
    if key:find("in:{", 1, true) or key:find("dead:in", 1, true) then
        return add_envelope
    elseif key:find("out:{", 1, true) or key:find("dead:out", 1, true) then
        return add_section
    end
end

local key = KEYS[1]
local add = key and adder_of(key)
if not add then
    return redis.error_reply("give the key of a stream in:{p}, out:{gateway}, dead:in or dead:out")
end
local count = tonumber(ARGV[1] or COUNT_DEFAULT)
if not count or count < 1 or count > COUNT_MAX then
    return redis.error_reply("COUNT is a number from 1 to " .. COUNT_MAX)
end
local entries = redis.call("XREVRANGE", key, "+", "-", "COUNT", count)
for i = #entries, 1, -1 do
    add_entry(entries[i], add)
end
return lines
