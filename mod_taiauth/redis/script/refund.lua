-- Take admissions back. What has left its window by now stays: what stands in its place may be
-- another's.
--
--   KEYS  windows
--   ARGV  of each N, W, and when its admission was recorded
--   returns of each window: counted, wait, reset, 0
local now = clock()
local answer = {}

for i, key in ipairs(KEYS) do
  local max, width, at = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local w = read(key, now, width)
  if w.newest > 0 and now < at + width then
    refund(w, at)
    write(key, w, now, width)
  end
  local counted, wait, reset = test(w, max, width, now)
  for _, number in ipairs({counted, wait, reset, 0}) do
    answer[#answer + 1] = number
  end
end
return answer
