-- Applies one update, whole or not at all: the fence, the counts and every command in one script.
-- KEYS the hash of the log's fences, the set of all logs, and the key that says the store is whole.
-- ARGV[1] MessagePack of {field, first, moved, added, division, beside, log, only_whole}: the lane's field, the offset
--   it may have reached at most, a list [field, value, ...] to set and one to add, how the fields of its division begin,
--   what the fences of all others must be, the log, and whether only a whole store takes this; ARGV[2] MessagePack of
--   {newest, refused, added, counted}: of the first three each a list of {key, ttl_s, bound, [score, member, ...]},
--   of the last a list of {trend, ttl_s, bound, counted, ttl_s, bound, [pair, member, score, ...]}: a pair of actor
--   and item counts in the trend with the highest score it ever had, so only what is above the last one is added.
-- Returns 1, or 0 if a fence has moved, or -1 if the store is not whole.
local claim = cmsgpack.unpack(ARGV[1])
if claim[8] and redis.call('EXISTS', KEYS[3]) == 0 then
  return -1
end
if tonumber(redis.call('HGET', KEYS[1], claim[1]) or '0') > claim[2] then
  return 0
end
local fences = redis.call('HGETALL', KEYS[1])
for index = 1, #fences, 2 do
  local name = fences[index]
  if string.sub(name, 1, 5) == 'lane:' and string.sub(name, 1, #claim[5]) ~= claim[5]
      and claim[6][name] ~= tonumber(fences[index + 1]) then
    return 0
  end
end
local groups = cmsgpack.unpack(ARGV[2])
-- Lua can pass some thousands of arguments to one call; a slice of this many pairs stays well below.
local slice = 1000

local function bounded(entry)
  redis.call('ZREMRANGEBYRANK', entry[1], 0, -entry[3] - 1)
  redis.call('EXPIRE', entry[1], entry[2])
end

local function put(entry, ...)
  local pairs_ = entry[4]
  for from = 1, #pairs_, slice do
    local until_ = math.min(from + slice - 1, #pairs_)
    local arguments = {...}
    for index = from, until_ do
      arguments[#arguments + 1] = pairs_[index]
    end
    redis.call('ZADD', entry[1], unpack(arguments))
  end
  bounded(entry)
end

for _, entry in ipairs(groups[1]) do
  put(entry, 'GT')
end
for _, entry in ipairs(groups[2]) do
  put(entry, 'GT')
end
for _, entry in ipairs(groups[3]) do
  local key, pairs_ = entry[1], entry[4]
  for index = 1, #pairs_, 2 do
    redis.call('ZINCRBY', key, pairs_[index], pairs_[index + 1])
  end
  bounded(entry)
end
for _, entry in ipairs(groups[4]) do
  local trend, counted, pairs_ = entry[1], entry[4], entry[7]
  local room = entry[6] - redis.call('HLEN', counted)
  for index = 1, #pairs_, 3 do
    local pair, member, score = pairs_[index], pairs_[index + 1], pairs_[index + 2]
    local known = redis.call('HGET', counted, pair)
    local before = tonumber(known or '0')
    if score > before then
      redis.call('ZINCRBY', trend, score - before, member)
      if known or room > 0 then
        redis.call('HSET', counted, pair, score)
        room = known and room or room - 1
      end
    end
  end
  redis.call('EXPIRE', counted, entry[5])
  bounded(entry)
end
redis.call('SADD', KEYS[2], claim[7])
for index = 1, #claim[3], 2 do
  redis.call('HSET', KEYS[1], claim[3][index], string.format('%.0f', claim[3][index + 1]))
end
for index = 1, #claim[4], 2 do
  redis.call('HINCRBY', KEYS[1], claim[4][index], claim[4][index + 1])
end
return 1
