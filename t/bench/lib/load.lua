-- What wrk sends: one header, each time with a value from a file.
--   wrk ... URL -- DEPTH ORDER FILE HEADER PREFIX
-- HEADER: its name; two of them with a comma between them have their values in a line of the file, with
-- a tab between these.
-- DEPTH: so many requests are sent at once on a connection.
-- ORDER: random, or each: every value once, in their order; then it says so and stops.
-- FILE: values of the same length, one in a line; they are cut out of its text as they are needed,
-- for a million strings would fill the memory that Lua has.
local values, width, count, head
local sent = 0

local order = {}

function order.random()
    return math.random(0, count - 1)
end

function order.each()
    sent = sent + 1
    if sent == count then
        io.write("sent all\n")
        io.flush()
    elseif sent > count then
        wrk.thread:stop()
        return 0
    end
    return sent - 1
end

function init(args)
    local depth = tonumber(args[1])
    local file = assert(io.open(args[3]))
    values = file:read("*a")
    file:close()
    width = values:find("\n")
    count = #values / width
    local name, second = args[4]:match("^([^,]+),?(.*)$")
    local tab = values:sub(1, width):find("\t")
    local middle = tab and "\r\n" .. second .. ": "
    head = "GET " .. wrk.path .. " HTTP/1.1\r\nHost: localhost\r\n" .. name .. ": " .. (args[5] or "")
    local choose = assert(order[args[2]])
    math.randomseed(os.time())
    local function one()
        local at = choose() * width
        if tab then
            return head .. values:sub(at + 1, at + tab - 1) .. middle .. values:sub(at + tab + 1, at + width - 1) .. "\r\n\r\n"
        end
        return head .. values:sub(at + 1, at + width - 1) .. "\r\n\r\n"
    end
    request = depth == 1 and one or function()
        local some = {}
        for i = 1, depth do
            some[i] = one()
        end
        return table.concat(some)
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("done %d %d %d %d %d %d\n", summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
