-- Which counts are on a list: some of them, to be struck off before more are asked for.
--
--   KEYS  the list
--   ARGV  how many at the most
--   returns their keys
return redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
