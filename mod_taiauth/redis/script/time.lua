-- What knows of time. Tests put their own in front of the other scripts instead.

-- Milliseconds of Redis's own clock, the only one that all hosts share.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Write a key that is gone after so many milliseconds.
local function keep(key, value, ms)
  redis.call('SET', key, value, 'PX', ms)
end

local function keep_for(key, ms)
  redis.call('PEXPIRE', key, ms)
end
