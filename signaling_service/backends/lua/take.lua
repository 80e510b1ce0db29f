-- Take a token of a bucket. ARGV: bucket; how many it gets a second, and holds; how far it may be
-- overdrawn. Returns how many are left; below minus the credit nothing was taken.
local bucket, rate, burst, credit = P .. 'b:' .. take(), take_number(), take_number(), take_number()
local level = burst
local tokens, filled_at = string.match(redis.call('GET', bucket) or '', '^(%S+) (%S+)$')
if tokens then
  local elapsed = math.max(REAL - tonumber(filled_at), 0)
  level = math.min(tonumber(tokens) + elapsed * rate, burst)
end
local left = level - 1
if left >= -credit then
  local lasts = math.ceil((burst - left) / rate * 1000)
  redis.call('SET', bucket, string.format('%.6f %.6f', left, REAL), 'PX', lasts)
end
return { 'OK', string.format('%.6f', left) }
