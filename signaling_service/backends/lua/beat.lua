-- A node is alive. ARGV: node; its lease in seconds. Returns the engine's time, whether the node
-- may have been given up since it last said so, and how many calls are in each live state.
local node, lease = take(), take_number()
local until_then = redis.call('ZSCORE', P .. 'nodes', node)
redis.call('ZADD', P .. 'nodes', REAL + lease, node)
local was_given_up = not until_then or tonumber(until_then) < REAL
local states = redis.call('HGETALL', P .. 'states')
return { 'OK', string.format('%.6f', REAL), was_given_up and 1 or 0, states }
