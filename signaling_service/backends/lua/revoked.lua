-- When tokens of a device were revoked, 0 for never. ARGV: device.
return { 'OK', redis.call('GET', P .. 'x:' .. take()) or '0' }
