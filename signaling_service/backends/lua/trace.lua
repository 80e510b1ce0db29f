-- What is kept of how a call went. ARGV: call; devices that may have some of it unacknowledged.
-- Returns its first records, the last ones, and of each device what waits.
local call = take()
local pending = {}
for i = 1, take_number() do
  local device = take()
  local acked = tonumber(redis.call('HGET', P .. 'd:' .. device, 'a') or '0')
  for n, entry in ipairs(redis.call('LRANGE', P .. 'm:' .. device, 0, -1)) do
    local bucket, kind, _, stamp = header(entry)
    if bucket == call then
      pending[#pending + 1] = table.concat({ 'a', stamp, device, kind, text(acked + n), '' }, ' ')
    end
  end
end
local first = redis.call('LRANGE', P .. 't:' .. call, 0, -1)
return { 'OK', first, redis.call('LRANGE', P .. 'l:' .. call, 0, -1), pending }
