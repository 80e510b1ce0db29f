-- A new stream of a device counts, or its old session is over.
-- ARGV: node, now; device; a key of this attempt; the session to resume and the ack; the id of a
-- fresh session, the agent; how many other devices of the user may be connected; when its token
-- was issued, "" for what is no token.
local node, now = take(), take()
local device, attempt, wanted, ack = take(), take(), take(), take_number()
local fresh_id, agent, max_others, issued_at = take(), take(), take_number(), take_number()
local user, device_id = split(device)
local session = P .. 'd:' .. device
local found = redis.call('HMGET', session, 's', 'f', 'id', 'k', 'n', 'r', 't', 'a', 'over', 'fresh')

local function welcome(is_resumed)
  local now_there = redis.call('HMGET', session, 's', 'f', 'id', 'r', 't', 'a')
  local unheard = redis.call('LRANGE', P .. 'q:' .. device, 0, -1)
  return { 'OK', now_there, is_resumed, calls_of(device), is_resumed == 1 and {} or unheard }
end

-- asked again, since the first reply was lost
if found[4] == attempt then return welcome(found[10] and 0 or 1) end

local revoked_at = redis.call('GET', P .. 'x:' .. device)
if issued_at and revoked_at and issued_at < tonumber(revoked_at) then return { 'REVOKED' } end

local others = 0
for _, field in ipairs(redis.call('HKEYS', P .. 'u:' .. user)) do
  local other = string.match(field, '^d (.*)$')
  if other and other ~= device_id and redis.call('HEXISTS', P .. 'd:' .. user .. ' ' .. other, 'n') == 1 then
    others = others + 1
  end
end
if others > max_others then return { 'MANY' } end

if found[1] then
  -- compared as digests, so that the time it takes tells nothing
  local is_same = redis.sha1hex(wanted) == redis.sha1hex(found[3])
  if found[9] or not is_same or ack > tonumber(found[7]) then
    local over = void(device, now, node)
    return { 'OVER', over }
  end
end

local last = math.max(MICROS, tonumber(redis.call('GET', P .. 'last') or '0') + 1)
local fence = text(last)
redis.call('SET', P .. 'last', fence)
if found[1] then
  acknowledge(device, tonumber(found[8]), ack)
  if found[5] and found[5] ~= node then
    redis.call('SREM', P .. 'n:' .. found[5], device)
    hint(found[5], 'f', fence .. ' 0', device, '')
  end
  redis.call('HDEL', session, 'fresh', 'x')
else
  redis.call('HSET', session, 's', fence, 'id', fresh_id, 'g', agent, 'fresh', 1)
  redis.call('HSET', session, 'r', 0, 't', 0, 'a', 0, 'act', 0)
  redis.call('HSET', P .. 'u:' .. user, 'd ' .. device_id, '')
  redis.call('ZREM', P .. 'due', 'q ' .. device)
end
if not found[5] then announce(device, 1, now) end
redis.call('HSET', session, 'f', fence, 'k', attempt, 'n', node, 'at', now)
redis.call('SADD', P .. 'n:' .. node, device)
redis.call('ZREM', P .. 'due', 's ' .. device)
touch(user)
return welcome(found[1] and 1 or 0)
