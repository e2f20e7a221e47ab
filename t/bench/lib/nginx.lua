-- The same job for nginx: a key from a header, its SHA-256, the record in a shared dictionary, a
-- scope, a rolling limit, the fields that tell what is left of it.
local ffi = require "ffi"
local dict = require "resty.core.shdict"

-- As lua-resty-string's resty.sha256 has it: without OpenSSL 3's search for the algorithm.
ffi.cdef [[
typedef struct { unsigned int h[8], nl, nh, data[16], num, md_len; } SHA256_CTX;
int SHA256_Init(SHA256_CTX *c);
int SHA256_Update(SHA256_CTX *c, const void *data, size_t len);
int SHA256_Final(unsigned char *md, SHA256_CTX *c);
]]

local LIMIT, WINDOW = 1000000000, 60 -- requests, seconds

local check = {}
local ctx, digest = ffi.new("SHA256_CTX"), ffi.new("unsigned char[32]")
local records, windows = ngx.shared.records, ngx.shared.windows

local function sha256(text)
    ffi.C.SHA256_Init(ctx)
    ffi.C.SHA256_Update(ctx, text, #text)
    ffi.C.SHA256_Final(digest, ctx)
    return ffi.string(digest, 32)
end

-- Records as "account scope scope ", by digest. The file has the texts of keys, one in a line.
function check.fill(path)
    for key in io.lines(path) do
        assert(records:set(sha256(key), "bench categories:read organizations:read programs:read reviews:read "))
    end
end

local function refuse(status, code)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.print('{"error": "refused", "code": "', code, '"}')
    return ngx.exit(status)
end

-- The rolling window that two fixed ones make: the count of this one, and of the one before as much
-- as still lies in the last 60 seconds.
local function charge(id)
    local now = ngx.now()
    local slot = math.floor(now / WINDOW)
    local passed = now - slot * WINDOW
    local before = windows:get(id .. (slot - 1)) or 0
    local count = assert(windows:incr(id .. slot, 1, 0, 2 * WINDOW))
    local counted = before * (WINDOW - passed) / WINDOW + count
    return math.floor(LIMIT - counted), math.ceil(WINDOW - passed)
end

function check.access()
    local key = ngx.var.http_x_api_key
    if not key then
        return refuse(401, "MISSING_API_KEY")
    end
    local id = sha256(key)
    local record = records:get(id)
    if not record then
        return refuse(401, "INVALID_API_KEY")
    end
    if not record:find(" programs:read ", 1, true) then
        return refuse(403, "INSUFFICIENT_SCOPE")
    end
    local left, reset = charge(id)
    if left < 0 then
        return refuse(429, "RATE_LIMITED")
    end
    ngx.ctx.record = record
    ngx.header["RateLimit-Policy"] = '"default";q=' .. LIMIT .. ";w=" .. WINDOW
    ngx.header["RateLimit"] = '"default";r=' .. left .. ";t=" .. reset
end

return check
