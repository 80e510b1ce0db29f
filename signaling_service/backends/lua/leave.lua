-- A node goes for good: what it has left open is lost at once. ARGV: node.
local node = take()
if redis.call('SCARD', P .. 'n:' .. node) == 0 then
  redis.call('ZREM', P .. 'nodes', node)
else
  redis.call('ZADD', P .. 'nodes', 0, node)
end
-- the last that it hears
redis.call('RPUSH', P .. 'hints:' .. node, 'r 0 0  \n')
redis.call('EXPIRE', P .. 'hints:' .. node, TAKEOVER)
return { 'OK' }
