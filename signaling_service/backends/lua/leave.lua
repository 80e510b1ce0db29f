-- A node goes for good: what it has left open is lost at once. ARGV: node.
local node = take()
if redis.call('SCARD', P .. 'n:' .. node) == 0 then
  redis.call('ZREM', P .. 'nodes', node)
  redis.call('DEL', P .. 'hints:' .. node)
else
  redis.call('ZADD', P .. 'nodes', 0, node)
end
return { 'OK' }
