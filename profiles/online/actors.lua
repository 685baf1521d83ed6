-- How what is known of actors changes; apply.lua and rights.lua begin with this text.
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

-- Notes what is held in an index, and sheds what is beyond its bound, least worth keeping first: an entry goes with
-- every key that begins with one of the prefixes.
local function hold(kind, bound, prefixes, pairs_)
  local index = 'held:' .. kind
  for from = 1, #pairs_, slice do
    redis.call('ZADD', index, 'GT', unpack(pairs_, from, math.min(from + slice - 1, #pairs_)))
  end
  local over, shed = redis.call('ZCARD', index) - bound, 0
  while over > 0 do
    local popped = redis.call('ZPOPMIN', index, math.min(over, slice))
    for place = 1, #popped, 2 do
      local keys = {}
      for n, prefix in ipairs(prefixes) do
        keys[n] = prefix .. popped[place]
      end
      shed = shed + math.min(1, redis.call('UNLINK', unpack(keys)))  -- what has expired is not shed
    end
    over = over - slice
  end
  if shed > 0 then
    redis.call('HINCRBY', 'shed:', kind, shed)
  end
end

-- Removes the tags of an actor but for those that are deleted, which weigh 0.
local function keep_deleted(key)
  local held = redis.call('GET', key)
  local stored, deleted = held and cjson.decode(held) or {run = '', tags = {}}, {}
  for name, weight in pairs(stored.tags) do
    if weight == 0 then
      deleted[name] = 0
    end
  end
  if next(deleted) then
    redis.call('SET', key, cjson.encode({run = stored.run, tags = deleted}), 'KEEPTTL')
  else
    redis.call('UNLINK', key)
  end
end

-- Ends what was known until consent was withdrawn, takes refusals back, then adds those that hold: lists of
-- {recent, disliked, tags, withdrawn, epoch ms, ttl_s, seen, done, shown, signed_in}, of {key, [member, ...]} and of {key, ttl_s, bound,
-- [epoch ms, member, ...]}.
local function change(withdrawn, restored, refused)
  for _, entry in ipairs(withdrawn) do
    redis.call('ZREMRANGEBYSCORE', entry[1], '-inf', entry[5])
    redis.call('ZREMRANGEBYSCORE', entry[7], '-inf', entry[5])
    redis.call('ZREMRANGEBYSCORE', entry[8], '-inf', entry[5])
    redis.call('ZREMRANGEBYSCORE', entry[10], '-inf', entry[5])
    redis.call('UNLINK', entry[2], entry[9])
    keep_deleted(entry[3])
    if tonumber(redis.call('GET', entry[4]) or '0') < entry[5] then
      redis.call('SET', entry[4], string.format('%.0f', entry[5]))
    end
    redis.call('EXPIRE', entry[4], entry[6])
  end
  for _, entry in ipairs(restored) do
    redis.call('ZREM', entry[1], unpack(entry[2]))
  end
  for _, entry in ipairs(refused) do
    put(entry, 'GT')
  end
end

-- Notes actors, [actor, epoch s of its newest interaction or 0, ...]. Worth keeping is who came lately, and before any who
-- clicked once whoever interacted with several items within the month; after them who was only shown something or signed in.
local function hold_actors(actors, bound, now_s)
  local worth = {}
  for place = 1, #actors, 2 do
    local actor = actors[place]
    local n = redis.call('ZCARD', 'recent:' .. actor) + redis.call('ZCARD', 'disliked:' .. actor)
    local at = actors[place + 1] > 0 and actors[place + 1] or now_s
    if n == 0 and redis.call('EXISTS', 'seen:' .. actor, 'done:' .. actor, 'withdrawn:' .. actor) == 0 then
      at = at - 2592000
    end
    worth[#worth + 1] = string.format('%.0f', at + 2592000 * (2 - 2 / math.max(1, n)))
    worth[#worth + 1] = actor
  end
  hold('actors', bound, {'recent:', 'seen:', 'disliked:', 'done:', 'shown:', 'signed_in:', 'tags:', 'withdrawn:'}, worth)
end

