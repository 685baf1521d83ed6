-- Takes an actor's short hash, ARGV[1], out of the few that are counted until they are a crowd: KEYS are hashes name →
-- number, a blank, and the hashes, a comma after each. A name that nobody is left of goes too.
for _, key in ipairs(KEYS) do
  local some = redis.call('HGETALL', key)
  for place = 1, #some, 2 do
    local first, last = string.find(some[place + 1], ARGV[1] .. ',', 1, true)
    if first then
      local rest = string.sub(some[place + 1], 1, first - 1) .. string.sub(some[place + 1], last + 1)
      if string.sub(rest, -1) == ' ' then
        redis.call('HDEL', key, some[place])
      else
        redis.call('HSET', key, some[place], rest)
      end
    end
  end
end
