-- Test all windows, and that no lock runs; then charge all windows, or none.
--
--   KEYS  windows and locks
--   ARGV  'charge' or 'test'; of each key N (0: it is a lock) and W
--   returns 1 (each passes; all are charged) or 0; of each window: counted, wait, reset, and when the
--   admission is recorded; of each lock: what is left, 0, 0, 0
local now, passes = clock(), 1
local answer, windows = {}, {}

local function say(i, a, b, c, d)
  local at = 4 * i - 2
  answer[at], answer[at + 1], answer[at + 2], answer[at + 3] = a, b, c, d
end

for i, key in ipairs(KEYS) do
  local max, width = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local w = read(key, now, width)
  local wait
  if max == 0 then
    wait = left(w, now)
    say(i, wait, 0, 0, 0)
  else
    local counted, reset
    counted, wait, reset = test(w, max, width, now)
    say(i, counted, wait, reset, 0)
    windows[#windows + 1] = {i = i, w = w, max = max, width = width, counted = counted}
  end
  if wait > 0 then
    passes = 0
  end
end

if passes == 1 and ARGV[1] == 'charge' then
  for _, one in ipairs(windows) do
    local w, max, width = one.w, one.max, one.width
    admit(w, max, width, now)
    write(KEYS[one.i], w, now, width)
    -- the admission has dropped what was older than W
    local counted, wait, reset = tell(w, w.first, one.counted + 1, max, width, now)
    say(one.i, counted, wait, reset, w.newest)
  end
end
answer[1] = passes
return answer
