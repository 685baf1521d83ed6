-- Frees memory of a full store: a twentieth of the actors, least worth keeping first, or of the items' neighbours if there
-- are none. Nothing here needs memory before something was removed, so a full server takes it.
-- Returns how many entries were removed, 0 if there is nothing to shed.
for _, kind in ipairs({'actors', 'co'}) do
  local index = 'held:' .. kind
  local prefixes = kind == 'co' and {'co:', 'few:', 'next:', 'few_next:'}
    or {'recent:', 'seen:', 'disliked:', 'done:', 'shown:', 'signed_in:', 'tags:', 'withdrawn:'}
  local wanted = math.min(5000, math.max(100, math.ceil(redis.call('ZCARD', index) / 20)))
  local popped, shed = redis.call('ZPOPMIN', index, wanted), 0
  for place = 1, #popped, 2 do
    for _, prefix in ipairs(prefixes) do
      shed = shed + redis.call('DEL', prefix .. popped[place])
    end
  end
  if #popped > 0 then
    redis.call('HINCRBY', 'shed:', kind, #popped / 2)
    return #popped / 2
  end
end
return 0
