-- What the clock asks for. ARGV: now; the resume window; whether nodes may be given up; how much;
-- how many events and traces are kept.
-- What is handed out comes again after a while, unless somebody has done it.
local now, window, may_bury, most = take_number(), take_number(), take(), take_number()
local events_kept, traces_kept = take(), take_number()
local due, nodes = P .. 'due', P .. 'nodes'
local calls, sessions, moved = {}, {}, {}
local is_more = false

if may_bury == '1' then
  local dead = redis.call('ZRANGEBYSCORE', nodes, '-inf', REAL, 'LIMIT', 0, 1)[1]
  if dead then
    local devices = redis.call('SPOP', P .. 'n:' .. dead, most)
    for _, device in ipairs(devices) do
      if redis.call('HGET', P .. 'd:' .. device, 'n') == dead then disconnect(device, now, window, 0) end
    end
    if #devices < most then
      redis.call('ZREM', nodes, dead)
      redis.call('DEL', P .. 'hints:' .. dead)
    end
    is_more = true -- of its devices, or of dead nodes
  end
end

local function session_is_due(device)
  local found = redis.call('HMGET', P .. 'd:' .. device, 's', 'n', 'x', 'over')
  if not found[1] or (found[2] and not found[4]) then
    redis.call('ZREM', due, 's ' .. device)
  elseif not found[4] and tonumber(found[3] or '0') > now then
    redis.call('ZADD', due, found[3], 's ' .. device)
  else
    sessions[#sessions + 1] = void(device, now)
  end
end

local function move_is_due(device)
  local found = redis.call('HMGET', P .. 'd:' .. device, 's', 'f', 'n', 'over')
  if not found[1] or found[4] then
    redis.call('ZREM', due, 't ' .. device)
  else
    moved[#moved + 1] = { device, found[1], found[2], found[3] and 1 or 0, calls_of(device) }
  end
end

local members = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
for _, member in ipairs(members) do
  local kind, name = string.sub(member, 1, 1), string.sub(member, 3)
  redis.call('ZADD', due, now + TAKEOVER, member)
  if kind == 'c' then
    calls[#calls + 1] = name
  elseif kind == 's' then
    session_is_due(name)
  elseif kind == 't' then
    move_is_due(name)
  else
    redis.call('DEL', P .. 'q:' .. name)
    redis.call('ZREM', due, member)
  end
end
-- what services may ask for is forgotten
local events = P .. 'events'
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
if newest then -- it stays, so that whoever has read it can go on
  local oldest = math.min((REAL - EVENT_MEMORY) * 1000, tonumber(string.match(newest[1], '^%d+')))
  local last = redis.call('XREVRANGE', events, '(' .. text(oldest) .. '-0', '-', 'COUNT', 1)[1]
  if last then
    redis.call('XTRIM', events, 'MINID', text(oldest))
    redis.call('SET', P .. 'dropped', last[1])
  end
  if redis.call('XTRIM', events, 'MAXLEN', '~', events_kept) > 0 then
    redis.call('DEL', P .. 'dropped') -- what was behind it is not all there any more
  end
end
local function forget_traces(names)
  for _, call in ipairs(names) do
    redis.call('DEL', P .. 't:' .. call, P .. 'l:' .. call)
    redis.call('ZREM', P .. 'traces', call)
  end
end
forget_traces(redis.call('ZRANGEBYSCORE', P .. 'traces', '-inf', now, 'LIMIT', 0, most))
local too_many = math.min(redis.call('ZCARD', P .. 'traces') - traces_kept, most)
if too_many > 0 then forget_traces(redis.call('ZRANGE', P .. 'traces', 0, too_many - 1)) end

local next_at = math.huge
for _, key in ipairs({ due, P .. 'traces' }) do
  next_at = math.min(next_at, tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or math.huge))
end
next_at = next_at < math.huge and string.format('%.17g', next_at) or ''
if is_more or #members == most then next_at = string.format('%.6f', now) end
return { 'OK', calls, sessions, moved, next_at }
