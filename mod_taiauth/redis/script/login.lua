-- Tries of log-ins, counted in all keys or in none, as core/logins.h says.
--
--   KEYS  counts, that of the user name and the client first where it is among them; its list, where
--         members.lua finds it
--   ARGV  'begin', 'test', 'fail' or 'end'; of each key N (0: a list), W, how long a lock lasts, and
--         when the try is recorded (end; 0: all that the count holds is to go)
--   returns for how long there is no room for one more; of each key: when the try is recorded
--   (begin), what is left of its lock (begin and test, where there is no room), or whether a lock has
--   started (fail)
local op = ARGV[1]
local now = clock()
local room = 0
local answer, counts, list = {}, {}, nil

for i, key in ipairs(KEYS) do
  local max, width = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  if max == 0 then
    list = key
  else
    counts[i] = {key = key, w = read(key, now, width), max = max, width = width,
                 ms = tonumber(ARGV[4 * i]), at = tonumber(ARGV[4 * i + 1])}
  end
  answer[i + 1] = 0
end

-- How long the list has to name a count: as long as the count lives. What it names no longer goes.
local function enlist(one)
  redis.call('ZADD', list, math.max(one.w.newest + one.width, one.w.till), one.key)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  local longest = redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')
  if longest[2] then
    keep_for(list, longest[2] - now)
  end
end

local function save(one)
  write(one.key, one.w, now, one.width)
end

-- For how long a count leaves no room for one more.
local function no_room(one)
  local ran = left(one.w, now)
  if ran > 0 then
    return ran
  end
  local _, wait = test(one.w, one.max, one.width, now)
  return wait
end

-- A lock that has started since has emptied the count, and what is older than the window may be
-- gone: what stands there then are other tries.
local function take_back(one)
  if one.w.till <= one.at and now < one.at + one.width then
    refund(one.w, one.at)
  end
end

local function finish(one)
  if one.at == 0 then
    one.w.last = one.w.first - 1
  else
    take_back(one)
  end
end

local function start_lock(one)
  if test(one.w, one.max, one.width, now) < one.max then
    return 0
  end
  lock(one.w, one.ms, now)
  save(one)
  return 1
end

if op == 'begin' or op == 'test' then
  for _, one in ipairs(counts) do
    room = math.max(room, no_room(one))
  end
end

for i, one in ipairs(counts) do
  if op == 'begin' and room == 0 then
    admit(one.w, one.max, one.width, now)
    answer[i + 1] = one.w.newest
    save(one)
  elseif op == 'begin' or op == 'test' then
    answer[i + 1] = left(one.w, now)
  elseif op == 'fail' then
    answer[i + 1] = start_lock(one)
  elseif op == 'end' then
    finish(one)
    save(one)
  end
end
if list and room == 0 and (op == 'begin' or op == 'fail') then
  enlist(counts[1])
end
answer[1] = room
return answer
