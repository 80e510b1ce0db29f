-- What a step decides on. ARGV: call, users, other calls.
local call = take()
local users, others = {}, {}
for i = 1, take_number() do users[i] = take() end
for i = 1, take_number() do others[i] = take() end
return { 'OK', look(call, users, others) }
