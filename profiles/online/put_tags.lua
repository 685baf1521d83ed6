-- Replaces the tags of actors who are held, and of others up to the bound; the rest is shed and counted.
-- ARGV the bound of actors, seconds to live, what an actor is worth who has tags only, then [actor, tags, ...].
-- Returns how many were written.
local bound, seconds, worth = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local free, written = bound - redis.call('ZCARD', 'held:actors'), 0
for place = 4, #ARGV, 2 do
  local actor = ARGV[place]
  local held = redis.call('ZSCORE', 'held:actors', actor)
  if held or free > 0 then
    redis.call('SET', 'tags:' .. actor, ARGV[place + 1], 'EX', seconds)
    if not held then
      redis.call('ZADD', 'held:actors', worth, actor)
      free = free - 1
    end
    written = written + 1
  else
    redis.call('UNLINK', 'tags:' .. actor)
    redis.call('HINCRBY', 'shed:', 'tags', 1)
  end
end
return written
