-- A rolling window, as core/window.h says, and a lock, in one string; little-endian numbers of so
-- many bytes:
--
--   newest 6        time of the latest admission, milliseconds of Redis's clock
--   till 6          when the lock ends; 0: none
--   lasts 4         how long that lock was to last, milliseconds
--   32 times at the most, oldest first:
--     age 4         how long before newest the latest admission of this bucket was, milliseconds
--     count 4       admissions in it
--
-- A window has no lock, and a lock that has just started no buckets.
local BUCKETS = 32
local HEAD, BUCKET = 16, 8

local function layout(buckets)
  return '<I6I6I4' .. string.rep('I4I4', buckets)
end

-- What began further ahead of the clock than it lasts was written by another clock, before a
-- failover: it would stand for as long as the two differ. By less than that, a clock may be set back.
local function forget_ahead(w, now, width)
  if w.till - w.lasts - now > w.lasts then
    w.till = 0
  end
  if w.newest - now > width then
    while w.last > 0 and w.latest[w.last] - now > width do
      w.last = w.last - 1
    end
    w.newest = w.last > 0 and w.latest[w.last] or 0
  end
end

-- width: W, milliseconds
local function read(key, now, width)
  local w = {newest = 0, till = 0, lasts = 0, first = 1, last = 0, latest = {}, count = {}}
  local bytes = redis.call('GET', key)
  if not bytes then
    return w
  end
  local n = (#bytes - HEAD) / BUCKET
  local fields = {struct.unpack(layout(n), bytes)}
  w.newest, w.till, w.lasts, w.last = fields[1], fields[2], fields[3], n
  for i = 1, n do
    w.latest[i] = w.newest - fields[2 * i + 2]
    w.count[i] = fields[2 * i + 3]
  end
  forget_ahead(w, now, width)
  return w
end

local function write(key, w, now, width)
  local ms = math.max(w.newest + width, w.till) - now
  if ms <= 0 then
    redis.call('DEL', key)
    return
  end
  local fields = {}
  for i = w.first, w.last do
    fields[#fields + 1] = w.newest - w.latest[i]
    fields[#fields + 1] = w.count[i]
  end
  keep(key, struct.pack(layout(#fields / 2), w.newest, w.till, w.lasts, unpack(fields)), ms)
end

-- The first bucket that counts.
local function counting(w, now, width)
  local time, i = math.max(now, w.newest), w.first
  while i <= w.last and time - w.latest[i] >= width do
    i = i + 1
  end
  return i
end

-- What follows from how many count, of which this bucket is the oldest: how many count, how long
-- until one more passes, how long until the oldest leaves.
local function tell(w, first, counted, max, width, now)
  local remain, wait = counted, 0
  for i = first, w.last do
    if remain < max then
      break
    end
    remain = remain - w.count[i]
    wait = w.latest[i] + width - now
  end
  return counted, wait, first <= w.last and w.latest[first] + width - now or 0
end

local function test(w, max, width, now)
  local first, counted = counting(w, now, width), 0
  for i = first, w.last do
    counted = counted + w.count[i]
  end
  return tell(w, first, counted, max, width, now)
end

-- Does an admission at this time belong to the newest bucket? 31 slots cover W, so what counts lies
-- in at most 32 of them.
local function joins_newest(w, max, width, now)
  local used = w.last - w.first + 1
  if used == 0 or used == BUCKETS then
    return used ~= 0
  end
  local slot = math.ceil(width / (BUCKETS - 1))
  return max > BUCKETS and math.floor(w.latest[w.last] / slot) == math.floor(now / slot)
end

local function admit(w, max, width, now)
  now = math.max(now, w.newest)
  w.newest = now
  w.first = counting(w, now, width)
  if joins_newest(w, max, width, now) then
    w.count[w.last] = w.count[w.last] + 1
  else
    w.last = w.last + 1
    w.count[w.last] = 1
  end
  w.latest[w.last] = now
end

-- As tai_window_refund, with its reasons.
local function refund(w, at)
  local i = w.first
  while i <= w.last and w.latest[i] < at do
    i = i + 1
  end
  while i < w.last and w.latest[i + 1] == at do
    i = i + 1
  end
  if i > w.last or w.count[i] == 0 then
    return
  end
  w.count[i] = w.count[i] - 1
  if i == w.last and w.count[i] == 0 then
    w.last = i - 1
  end
end

-- What is left of a lock, milliseconds.
local function left(w, now)
  return math.max(w.till - now, 0)
end

-- Starts a lock, which empties the count.
local function lock(w, ms, now)
  w.till, w.lasts, w.last = now + ms, ms, w.first - 1
end
