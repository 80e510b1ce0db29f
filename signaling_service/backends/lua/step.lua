-- One step: all of it, or nothing. Everything is checked before the first write.
-- ARGV: node, now; the sender's device, fence, seq, ack, and what its node knows to be stored:
-- received, acked, top and its stamp; the guard's device and fence; limits of messages and bytes;
-- then what was looked at and what it comes to, as below.
local node, now = take(), take_number()
local sender, fence, seq, ack = take(), take_number(), take_number(), take_number()
local known_received, known_acked, known_top, known_stamp = take_number(), take_number(), take_number(), take()
local guard, guard_fence = take(), take_number()
local max_messages, max_bytes = take_number(), take_number()

-- the checks
local session = P .. 'd:' .. sender
local received, top, acked
if sender ~= '' then
  local found = redis.call('HMGET', session, 'f', 'over', 'r', 't', 'a')
  local verdict = standing(found[1], found[2], fence)
  if verdict ~= 'OK' then return { verdict } end
  received, top, acked = tonumber(found[3]), tonumber(found[4]), tonumber(found[5])
  if received < known_received or not has_all(sender, acked, top, known_acked, known_top, known_stamp) then
    void(sender, now, node) -- the engine has forgotten some of it: its device starts anew
    return { 'LOST' }
  end
  if ack > top then return { 'ACK' } end
  if seq > 0 and seq <= received then return { 'DONE' } end
end
if guard ~= '' then
  local found = redis.call('HMGET', P .. 'd:' .. guard, 'f', 'over')
  local verdict = standing(found[1], found[2], guard_fence)
  if verdict ~= 'OK' then return { verdict } end
end

local call, version, held_so_far, all_held = take(), take(), take(), take()
local users, others, counts = {}, {}, {}
local is_current = true
local record = redis.call('HMGET', P .. 'c:' .. call, 'v', 'h', 's')
-- whether the node knows of all that is held: relaying more does not ask for that
local is_whole = (record[2] or '0') == held_so_far
if call ~= '' and ((record[1] or '0') ~= version or (all_held == '1' and not is_whole)) then
  is_current = false
end
for i = 1, take_number() do
  users[i] = take()
  if (redis.call('HGET', P .. 'u:' .. users[i], 'v') or '0') ~= take() then is_current = false end
end
for i = 1, take_number() do
  others[i] = take()
  if (redis.call('HGET', P .. 'c:' .. others[i], 'v') or '0') ~= take() then is_current = false end
end
for i = 1, take_number() do -- device, how many it had, how many it has: "" for none
  counts[i] = { take(), take(), take() }
  if (redis.call('HGET', P .. 'c:' .. call, 'n ' .. counts[i][1]) or '') ~= counts[i][2] then
    is_current = false
  end
end
if not is_current then return { 'CHANGED', look(call, users, others) } end

if sender ~= '' then
  acknowledge(sender, acked, ack)
  if seq > 0 then
    local errors = redis.call('HMGET', session, 'm ', 'b ')
    if tonumber(errors[1] or '0') > max_messages or tonumber(errors[2] or '0') > max_bytes then
      return { 'FULL' }
    end
  end
end

-- the writes
local action = take()
if action == 'put' then
  version = newer(version)
  redis.call('HSET', P .. 'c:' .. call, 'v', version, 'b', take())
  redis.call('ZADD', P .. 'due', take(), 'c ' .. call)
  local state = take()
  if state ~= (record[3] or '') then
    count_state(record[3], -1)
    count_state(state, 1)
    redis.call('HSET', P .. 'c:' .. call, 's', state)
  end
elseif action == 'forget' then
  redis.call('DEL', P .. 'c:' .. call, P .. 'h:' .. call)
  redis.call('ZREM', P .. 'due', 'c ' .. call)
  count_state(record[3], -1)
  version = '0'
end
for _, count in ipairs(counts) do
  if count[3] == '' then
    redis.call('HDEL', P .. 'c:' .. call, 'n ' .. count[1])
  else
    redis.call('HSET', P .. 'c:' .. call, 'n ' .. count[1], count[3])
  end
end
local held = P .. 'h:' .. call
if take() == 'anew' then redis.call('DEL', held) end
local more = take_number()
for _ = 1, more do redis.call('RPUSH', held, take()) end
if more > 0 then held_so_far = text(redis.call('HINCRBY', P .. 'c:' .. call, 'h', more)) end
for _ = 1, take_number() do -- user, field, whether it is set, value
  local user, field, is_set, value = take(), take(), take(), take()
  if is_set == '1' then
    redis.call('HSET', P .. 'u:' .. user, field, value)
  else
    redis.call('HDEL', P .. 'u:' .. user, field)
  end
  touch(user)
end

local told = {} -- session, seq, whether there is too much of the call
for i = 1, take_number() do -- device, bucket, bytes of the body, entry
  local device, bucket, size, entry = take(), take(), take(), take()
  local key = P .. 'd:' .. device
  local found = redis.call('HMGET', key, 's', 'n')
  told[i] = { found[1] or '0', 0, 0 }
  if found[1] then -- else its session has ended: nobody is left to hear it
    entry = text(MICROS) .. ' ' .. entry
    redis.call('RPUSH', P .. 'm:' .. device, entry)
    local seq_there = redis.call('HINCRBY', key, 't', 1)
    local messages = redis.call('HINCRBY', key, 'm ' .. bucket, 1)
    local bytes = redis.call('HINCRBY', key, 'b ' .. bucket, size)
    local is_full = bucket ~= '' and (messages > max_messages or bytes > max_bytes)
    told[i] = { found[1], seq_there, is_full and 1 or 0 }
    if found[2] and found[2] ~= node then
      hint(found[2], 'm', text(seq_there) .. ' ' .. found[1], device, entry)
    end
  end
end

-- what other services hear, and may ask for
if take() == '1' then
  for _ = 1, take_number() do -- list of calls, when the call began: "" where it is forgotten
    local list, began_at = take(), take()
    if began_at == '' then
      redis.call('ZREM', P .. list, call)
    else
      redis.call('ZADD', P .. list, began_at, call)
    end
  end
  local until_then = take() -- "" where that stays as it is
  local records = {}
  for i = 1, take_number() do records[i] = 's ' .. text(MICROS) .. ' ' .. take() end
  if #records > 0 then note(call, records, until_then ~= '') end
  if until_then ~= '' then redis.call('ZADD', P .. 'traces', until_then, call) end
  for _ = 1, take_number() do redis.call('XADD', P .. 'events', '*', 'e', take()) end
end

if sender ~= '' then
  if seq > received then redis.call('HSET', session, 'r', seq) end
  if call ~= '' then redis.call('HSET', session, 'act', now) end
end
return { 'OK', version, held_so_far, is_whole and 1 or 0, text(MICROS), told }
