-- Failures of principals, and the locks that they start.
--
--   KEYS  counts; and what members.lua lists them from
--   ARGV  'locked', 'fail' or 'clear'; of each key N (0: a list), W, and how long a lock lasts
--   returns of each count, of a list 0, 0: what is left of the lock that ran, and whether a lock has
--   started
--
-- fail counts up to the first whose lock runs, and nothing behind it.
-- clear lifts the lock, forgets what was counted, and strikes the counts off the list.
local op = ARGV[1]
local now = clock()
local answer, ended = {}, false

local function fail(w, max, width, ms)
  if test(w, max, width, now) + 1 >= max then
    lock(w, ms, now)
    return 1
  end
  admit(w, max, width, now)
  return 0
end

for i, key in ipairs(KEYS) do
  local max, width, ms = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local ran, started = 0, 0
  if max == 0 then
    redis.call('ZREM', key, unpack(KEYS, 1, i - 1))
  else
    local w = read(key, now, width)
    ran = left(w, now)
    if op == 'clear' then
      redis.call('DEL', key)
    elseif op == 'fail' and ended then
      ran = 0
    elseif op == 'fail' and ran == 0 then
      started = fail(w, max, width, ms)
      write(key, w, now, width)
    end
    ended = ended or ran > 0
  end
  answer[2 * i - 1], answer[2 * i] = ran, started
end
return answer
