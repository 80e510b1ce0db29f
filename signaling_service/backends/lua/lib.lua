-- What every script begins with. All keys of a cell begin with its hash tag:
--
--   d:<device>   hash: a session. s session, f fence, id, k of its last attach, n node while
--                connected, r received, t top, a acked, at attached, act active, x expires,
--                over (k: by a service), g agent; for each bucket of the mailbox m <bucket> messages, b <bucket> bytes
--   m:<device>   list: the mailbox, the entry of seq a + 1 first: "stamp bucket kind deadline\n" and
--                the response; the stamp is when it came there, which tells it from any other
--   q:<device>   list: entries of ends that an old session has not heard
--   u:<user>     hash: v version, d <device id>, p <call placed> device id, r <call received> device id
--   c:<call>     hash: v version, b bytes, s its state while it is live, h held so far,
--                n <device> candidates counted
--   h:<call>     list: candidates that wait for the win
--   states       hash: how many calls are in each live state
--   due          sorted set: c <call>, s <device> (its session), t <device> (its calls have to be
--                told), q <device>, by when
--   nodes        sorted set: nodes by the end of their lease
--   n:<node>     set: the devices with a stream there
--   hints:<node> list: what its streams should know
--   b:<bucket>   string: "tokens at", a token bucket; gone once it is full
--   calls        sorted set: calls by when they began
--   i:<user>     sorted set: the same, of one user
--   events       stream: e bytes of an event; or c whether connected, d <device>, t when
--   dropped      string: the last event that was too old
--   t:<call>     list: its trace, the first records
--   l:<call>     list: the last ones; a record is
--                "s stamp user device kind state reason error" a step, "a stamp user device kind
--                seq when" what was acknowledged, "x stamp user device kind seq " what never will be
--   traces       sorted set: calls that have a trace, by when it is forgotten
--   x:<device>   string: when its tokens were revoked
--   w:<work>     hash: what one node does for all. h its name, u until when, c how far it has got
--   last         the highest fence
--   sync         written where a replica has to have what another connection wrote
--
-- <device> is "user_id device_id": an id has no space. A script is given up on at ARGV[1], in
-- the engine's time: whoever asked has been told that nothing happened.

local P = KEYS[1]
local TIME = redis.call('TIME')
local REAL = TIME[1] + TIME[2] / 1e6
local MICROS = TIME[1] * 1000000 + TIME[2]
local TAKEOVER = 2 -- s; after so long somebody else does what a node has begun
local MAX_HINTS = 10000 -- a node that reads none is dead, or reads everything anew
local MAX_HINT = 4096 -- bytes; what is longer is read from the mailbox
local FIRST_KEPT, LAST_KEPT = 200, 300 -- records of a trace
local EVENT_MEMORY = 3600 -- s; for a consumer to come back

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function take_number()
  return tonumber(take())
end

local function text(number)
  return string.format('%.0f', number)
end

-- a version that no lost or deleted record ever had
local function newer(old)
  return text(math.max(MICROS, tonumber(old or '0') + 1))
end

local function split(device)
  local space = string.find(device, ' ', 1, true)
  return string.sub(device, 1, space - 1), string.sub(device, space + 1)
end

-- m seq session: its mailbox has grown; f fence 0: a stream below counts no more, k: likewise, as
-- a service wants it; r: read anew
-- what is behind an m is the entry, with its stamp alone if it is too long
local function hint(node, op, numbers, device, entry)
  local key = P .. 'hints:' .. node
  if #entry > MAX_HINT then entry = string.match(entry, '^[^ ]* ') end
  local length = redis.call('RPUSH', key, op .. ' ' .. numbers .. ' ' .. device .. '\n' .. entry)
  if length > MAX_HINTS then
    redis.call('DEL', key)
    redis.call('RPUSH', key, 'r 0 0  \n')
  end
end

-- mark a user's record as changed, or drop it once it is empty
local function touch(user)
  local key = P .. 'u:' .. user
  local fields, old = redis.call('HLEN', key), redis.call('HGET', key, 'v')
  if old and fields == 1 then
    redis.call('DEL', key)
  elseif fields > 0 then
    redis.call('HSET', key, 'v', newer(old))
  end
end

-- the live calls that may concern a device: its own, and all that ring at its user
local function calls_of(device)
  local user, id = split(device)
  local record = redis.call('HGETALL', P .. 'u:' .. user)
  local calls = {}
  for i = 1, #record, 2 do
    local kind, call = string.match(record[i], '^([pr]) (.*)$')
    local who = record[i + 1]
    if (kind == 'p' and who == id) or (kind == 'r' and (who == '' or who == id)) then
      calls[#calls + 1] = call
    end
  end
  return calls
end

-- a call leaves a state, or enters one; '' and nothing: it is not live
local function count_state(state, by)
  if not state or state == '' then return end
  if redis.call('HINCRBY', P .. 'states', state, by) <= 0 then redis.call('HDEL', P .. 'states', state) end
end

-- whether a stream counts: OK, FENCED, REVOKED if a service has ended it, or LOST when the engine
-- has forgotten what it was told
local function standing(fence, is_over, asked)
  if not fence or tonumber(fence) < asked then return 'LOST' end
  if tonumber(fence) > asked then return 'FENCED' end
  if is_over then return is_over == 'k' and 'REVOKED' or 'FENCED' end
  return 'OK'
end

-- bucket, kind, where the body begins, and the stamp
local function header(entry)
  local stamp, bucket, kind, body = string.match(entry, '^([^ ]*) ([^ ]*) ([^ ]*) [^\n]*\n()')
  return bucket, kind, body, stamp
end

-- keep records in the trace of a call, if it has one or may have one
local function note(call, records, may_begin)
  local key = P .. 't:' .. call
  local length = redis.call('LLEN', key)
  if length == 0 and not may_begin then return end
  if length + #records > FIRST_KEPT then key = P .. 'l:' .. call end
  redis.call('RPUSH', key, unpack(records))
  if length + #records > FIRST_KEPT then redis.call('LTRIM', key, -LAST_KEPT, -1) end
end

-- the event that a device has a stream, or none any more
local function announce(device, is_connected, now)
  redis.call('XADD', P .. 'events', '*', 'c', is_connected, 'd', device, 't', now)
end

-- whether the engine has all of a mailbox that a node knows to have been there
local function has_all(device, acked, top, known_acked, known_top, known_stamp)
  if acked < known_acked or top < known_top then return false end
  if known_top <= acked or known_stamp == '' then return true end
  local entry = redis.call('LINDEX', P .. 'm:' .. device, known_top - acked - 1)
  return entry and string.match(entry, '^[^ ]*') == known_stamp
end

local function acknowledge(device, acked, seq)
  if seq <= acked then return end
  local mailbox, session = P .. 'm:' .. device, P .. 'd:' .. device
  local count = seq - acked
  local messages, bytes, traced = {}, {}, {}
  local acked_at = ' ' .. text(MICROS)
  for i, entry in ipairs(redis.call('LRANGE', mailbox, 0, count - 1)) do
    local bucket, kind, body, stamp = header(entry)
    messages[bucket] = (messages[bucket] or 0) + 1
    bytes[bucket] = (bytes[bucket] or 0) + #entry - body + 1
    traced[bucket] = traced[bucket] or {}
    traced[bucket][messages[bucket]] =
      'a ' .. stamp .. ' ' .. device .. ' ' .. kind .. ' ' .. acked + i .. acked_at
  end
  redis.call('LTRIM', mailbox, count, -1)
  for bucket, number in pairs(messages) do
    if redis.call('HINCRBY', session, 'm ' .. bucket, -number) == 0 then
      redis.call('HDEL', session, 'm ' .. bucket, 'b ' .. bucket)
    else
      redis.call('HINCRBY', session, 'b ' .. bucket, -bytes[bucket])
    end
  end
  for bucket, records in pairs(traced) do
    if bucket ~= '' then note(bucket, records) end
  end
  redis.call('HSET', session, 'a', seq)
end

-- a stream is lost: its session waits to be resumed; returns the calls to tell
local function disconnect(device, now, window, takeover)
  local session = P .. 'd:' .. device
  local node = redis.call('HGET', session, 'n')
  if node then
    redis.call('HDEL', session, 'n')
    redis.call('SREM', P .. 'n:' .. node, device)
    redis.call('HSET', session, 'x', now + window)
    redis.call('ZADD', P .. 'due', now + window, 's ' .. device)
    announce(device, 0, now)
    touch((split(device)))
  end
  local calls = calls_of(device)
  if #calls > 0 then
    redis.call('ZADD', P .. 'due', now + takeover, 't ' .. device)
  end
  return calls
end

-- a session is over: from now on its stream counts no more, and its node hears of it unless it is
-- the one that asks; returns the session and its calls. A service may want it so: 'k'
local function void(device, now, node, how)
  local session = P .. 'd:' .. device
  local found = redis.call('HMGET', session, 's', 'f', 'n')
  redis.call('HSET', session, 'over', how or 1)
  if found[3] then
    announce(device, 0, now)
    redis.call('HDEL', session, 'n')
    redis.call('SREM', P .. 'n:' .. found[3], device)
    if found[3] ~= node then
      hint(found[3], how or 'f', text(tonumber(found[2]) + 1) .. ' 0', device, '')
    end
    touch((split(device)))
  end
  redis.call('ZREM', P .. 'due', 't ' .. device)
  redis.call('ZADD', P .. 'due', now + TAKEOVER, 's ' .. device)
  return { device, found[1], calls_of(device) }
end

-- a call with all that relaying made of it, {} if there is none
local function call_of(call)
  local record = redis.call('HGETALL', P .. 'c:' .. call)
  if #record == 0 then return {} end
  return { record, redis.call('LRANGE', P .. 'h:' .. call, 0, -1) }
end

local function user_of(user)
  local record = redis.call('HGETALL', P .. 'u:' .. user)
  local version, calls, sessions = '0', {}, {}
  for i = 1, #record, 2 do
    local kind, name = string.sub(record[i], 1, 1), string.sub(record[i], 3)
    if kind == 'v' then
      version = record[i + 1]
    elseif kind == 'd' then
      local session = P .. 'd:' .. user .. ' ' .. name
      sessions[#sessions + 1] = { name, redis.call('HMGET', session, 's', 'n', 'at', 'act') }
    else
      calls[#calls + 1] = { kind, name, record[i + 1] }
    end
  end
  return { version, sessions, calls }
end

-- what a step looks at: its call, users, and other calls
local function look(call, users, others)
  local seen = { call_of(call), {}, {} }
  for i, user in ipairs(users) do seen[2][i] = user_of(user) end
  for i, other in ipairs(others) do seen[3][i] = call_of(other) end
  return seen
end

if tonumber(take()) < REAL then return { 'LATE' } end
