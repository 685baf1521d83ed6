-- Applies one update, all or nothing: the fencing, the counts and every command in one script. actors.lua stands before it.
-- KEYS the hash of the log's progress, the set of all logs, and the key that says the store is complete.
-- ARGV[1] MessagePack of {field, first, moved, added, division, others, log, only_complete, withdrawn, restored, crowd}: the
--   partition's field, the offset it may have reached at most, a list [field, value, ...] to set and one to add, how the
--   fields of its division begin, what the offsets of all others must be, the log, whether only a complete store takes this, keys of
--   actors who withdrew consent, with the time, refusals taken back, and how a crowd is told from a few; ARGV[2] MessagePack
--   of {newest, refused, added, counted, actors, bounds, shown}: of the first two each a list of {key, ttl_s, bound,
--   [score, member, ...]}, of the third {key, ttl_s, bound, [score, member, digest, ...], few, item}, of the fourth {trend, ttl_s,
--   bound, counted, ttl_s, bound, [pair, member, score, digest, ...], hour}: a pair of actor and item counts in the trend
--   with the highest score it ever had, so only what is above the last one is added; a digest is a short hash of the actor;
--   then [actor, epoch s of its newest interaction or 0, ...], {actors, items with neighbours, hours, share of `counted` for
--   all but the newest hours, epoch s}, and a list of {key, ttl_s, bound, times of one item, [item, [epoch s, ...], ...]}.
-- Returns 1, or 0 if more or other was committed meanwhile, or -1 if the store is incomplete.
local claim = cmsgpack.unpack(ARGV[1])
if claim[8] and redis.call('EXISTS', KEYS[3]) == 0 then
  return -1
end
if tonumber(redis.call('HGET', KEYS[1], claim[1]) or '0') > claim[2] then
  return 0
end
local progress = redis.call('HGETALL', KEYS[1])
for index = 1, #progress, 2 do
  local name = progress[index]
  if string.sub(name, 1, 10) == 'partition:' and string.sub(name, 1, #claim[5]) ~= claim[5]
      and claim[6][name] ~= tonumber(progress[index + 1]) then
    return 0
  end
end
local groups = cmsgpack.unpack(ARGV[2])
-- A few: a number, then short hashes of different actors, nine signs each. Once they are a crowd they are no longer kept.
-- A pair of some of them stands among those of crowds too, under a name that says so, from crowd[10] actors on.
local crowd = claim[11]
local FEW = '\t'

local function few_of(key, name)
  local number, digests = string.match(redis.call('HGET', key, name) or '', '^(%S+) (.*)$')
  return tonumber(number), digests or ''
end

local function with(digests, digest)
  return string.find(digests, digest, 1, true) and digests or digests .. digest .. ','
end

-- Whether it is a crowd now; if not, it is kept, and of too many the least known of some is let go, which comes second.
local function is_crowd(key, name, number, digests, bound, ttl_s)
  if #digests >= 9 * crowd[1] then
    redis.call('HDEL', key, name)
    return true
  end
  redis.call('HSET', key, name, string.format('%.17g ', number) .. digests)
  redis.call('EXPIRE', key, ttl_s)
  if redis.call('HLEN', key) > bound then
    local some = redis.call('HRANDFIELD', key, 5, 'WITHVALUES')
    local least = 1
    for index = 3, #some, 2 do
      if #some[index + 1] < #some[least + 1] then
        least = index
      end
    end
    redis.call('HDEL', key, some[least])
    return false, some[least]
  end
  return false
end

local function note_actor(hour, name, digest)
  if tonumber(redis.call('ZSCORE', crowd[3], name) or '-1') >= hour then
    return
  end
  local since, digests = few_of(crowd[2], name)
  if not since or hour - since >= crowd[4] then
    since, digests = hour, ''
  end
  if is_crowd(crowd[2], name, since, with(digests, digest), crowd[6], crowd[7]) then
    redis.call('ZADD', crowd[3], 'GT', hour, name)
    redis.call('ZREMRANGEBYRANK', crowd[3], 0, -crowd[8] - 1)
    redis.call('EXPIRE', crowd[3], crowd[7])
  end
end

-- The latest times of two lists that fall, packed; what stands in both is there once.
local function latest(times, before, n)
  local packed, place, at = {}, 1, 1
  while #packed < n and (times[place] or at < #before) do
    local known = at < #before and struct.unpack('>I4', before, at) or -1
    local time = math.max(times[place] or -1, known)
    if times[place] == time then
      place = place + 1
    end
    if known == time then
      at = at + 4
    end
    packed[#packed + 1] = struct.pack('>I4', time)
  end
  return table.concat(packed)
end

-- Adds what an actor was shown; of too many items those shown longest ago are let go.
local function show(entry)
  local key, items, names, fields = entry[1], entry[5], {}, {}
  for index = 1, #items, 2 do
    names[#names + 1] = string.format('%.0f', items[index])
  end
  local known = redis.call('HMGET', key, unpack(names))
  for place, name in ipairs(names) do
    fields[#fields + 1] = name
    fields[#fields + 1] = latest(items[2 * place], known[place] or '', entry[4])
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('EXPIRE', key, entry[2])
  local over = redis.call('HLEN', key) - entry[3]
  if over > 0 then
    local all, order, gone = redis.call('HGETALL', key), {}, {}
    for index = 1, #all, 2 do
      local newest = struct.unpack('>I4', all[index + 1])
      order[#order + 1] = {newest, tonumber(all[index])}
    end
    table.sort(order, function(one, other)
      return one[1] < other[1] or one[1] == other[1] and one[2] < other[2]
    end)
    for index = 1, over do
      gone[index] = string.format('%.0f', order[index][2])
    end
    redis.call('HDEL', key, unpack(gone))
  end
end

change(claim[9], claim[10], groups[2])
for _, entry in ipairs(groups[1]) do
  put(entry, 'GT')
end
for _, entry in ipairs(groups[3]) do
  local key, pairs_, few = entry[1], entry[4], entry[5]
  for index = 1, #pairs_, 3 do
    local score, member = pairs_[index], pairs_[index + 1]
    if redis.call('ZSCORE', key, member) then
      redis.call('ZINCRBY', key, score, member)
    else
      local sum, digests = few_of(few, member)
      sum = (sum or 0) + score
      digests = with(digests, pairs_[index + 2])
      local is_told, dropped = is_crowd(few, member, sum, digests, crowd[5], crowd[9])
      if is_told then
        redis.call('ZREM', key, FEW .. member)
        redis.call('ZINCRBY', key, sum, member)
      elseif #digests >= 9 * crowd[10] then
        redis.call('ZADD', key, sum, FEW .. member)
      end
      if dropped then
        redis.call('ZREM', key, FEW .. dropped)
      end
    end
  end
  bounded(entry)
end
for _, entry in ipairs(groups[7]) do
  show(entry)
end
local bounds = groups[6]
local hours = {}
for _, entry in ipairs(groups[4]) do
  hours[#hours + 1] = entry[8]
  hours[#hours + 1] = entry[8]
end
hold('hours', bounds[3], {'trend:', 'counted:'}, hours)
for _, entry in ipairs(groups[4]) do
  local trend, counted, pairs_ = entry[1], entry[4], entry[7]
  local place = redis.call('ZREVRANK', 'held:hours', entry[8])
  if not place then
    pairs_ = {}  -- an hour so long past that its trend is not kept
  end
  local free = (place and place < 4 and entry[6] or math.ceil(entry[6] / bounds[4])) - redis.call('HLEN', counted)
  for index = 1, #pairs_, 4 do
    local pair, member, score = pairs_[index], pairs_[index + 1], pairs_[index + 2]
    local known = redis.call('HGET', counted, pair)
    local before = tonumber(known or '0')
    if not known then
      note_actor(tonumber(string.sub(trend, 7)), member, pairs_[index + 3])
    end
    if score > before then
      redis.call('ZINCRBY', trend, score - before, member)
      if known or free > 0 then
        redis.call('HSET', counted, pair, score)
        free = known and free or free - 1
      end
    end
  end
  redis.call('EXPIRE', counted, entry[5])
  bounded(entry)
end
local items = {}
for _, entry in ipairs(groups[3]) do
  items[#items + 1] = bounds[5]
  items[#items + 1] = entry[6]
end
hold('co', bounds[2], {'co:', 'few:', 'next:', 'few_next:'}, items)
hold_actors(groups[5], bounds[1], bounds[5])
redis.call('SADD', KEYS[2], claim[7])
for index = 1, #claim[3], 2 do
  redis.call('HSET', KEYS[1], claim[3][index], string.format('%.0f', claim[3][index + 1]))
end
for index = 1, #claim[4], 2 do
  redis.call('HINCRBY', KEYS[1], claim[4][index], claim[4][index + 1])
end
return 1
