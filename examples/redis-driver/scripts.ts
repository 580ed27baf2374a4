// Each script is one atomic step (https://redis.io/docs/latest/develop/programmability/eval-intro/). No name holds a NUL, so names
// joined by one are in the order of the names, each by its UTF-8 bytes: the order of members of equal score in a sorted set.
//
// record: a hash of its event (e), what is known of it (m) and its payload (b)   list: a user's records in the order of identities
// event: whether it is current, its time, its fingerprint (empty once erased) and its record   kinds: a tenant's in that of kinds
// ages: a tenant's event ids, the next to be forgotten first   tenants: those that have records

const NAMES = `
local call, space, given = redis.call, ARGV[1], cjson.decode(ARGV[2])
local function join(...) return table.concat({ ... }, '\\0') end
local function recordOf(at) return join(space, 'record', at[1], at[2], at[3], at[4], at[5]) end
local function eventOf(tenant, id) return join(space, 'event', tenant, id) end
local function parts(event) return string.match(event or '', '^(%d):(%d+):([^:]*):(.*)$') end
local function clock() local time = call('TIME') return time[1] * 1000 + math.floor(time[2] / 1000) end`;

/** The time, the current events of slots, and the events of ids: what a commit is judged by. */
export const LOOK = `${NAMES}
local found = { clock() }
for _, at in ipairs(given.slots) do table.insert(found, call('HGET', recordOf(at), 'e') or '') end
for _, id in ipairs(given.ids) do table.insert(found, call('GET', eventOf(given.tenant, id)) or '') end
return found`;

/** Writes a commit, and returns how many records each erase has removed; nothing if what it was judged by has changed. */
export const WRITE = `${NAMES}
local tenant, now, erased, saves = given.tenant, clock(), {}, 0
local kinds, ages = join(space, 'kinds', tenant), join(space, 'ages', tenant)
for i, at in ipairs(given.slots) do if (call('HGET', recordOf(at), 'e') or '') ~= given.seen[i] then return false end end
for i, id in ipairs(given.ids) do
  if (call('GET', eventOf(tenant, id)) or '') ~= given.seen[#given.slots + i] then return false end
end
local function empty(at, isErased)
  local id = call('HGET', recordOf(at), 'e')
  if not id then return end
  local _, time, print, record = parts(call('GET', eventOf(tenant, id)))
  call('SET', eventOf(tenant, id), join('0:' .. time .. ':' .. (isErased and '' or print) .. ':' .. record))
  call('DEL', recordOf(at))
  call('ZREM', join(space, 'list', tenant, at[2]), join(at[3], at[4], at[5]))
  call('ZREM', kinds, join(at[5], at[2], at[3], at[4]))
end
for _, write in ipairs(given.writes) do
  local at = write.at
  if write.erase then
    local list = call('ZRANGEBYLEX', join(space, 'list', tenant, at[2]), '[' .. write.erase, '(' .. write.erase .. '\\255')
    for _, member in ipairs(list) do
      local session, run, kind = string.match(member, '^([^%z]*)%z([^%z]*)%z(.*)$')
      empty({ tenant, at[2], session, run, kind }, true)
    end
    table.insert(erased, #list)
  else
    empty(at, false)
    if write.id then
      saves = saves + 1
      call('HSET', recordOf(at), 'e', write.id, 'm', write.about, 'b', ARGV[write.payload])
      call('ZADD', join(space, 'list', tenant, at[2]), 0, join(at[3], at[4], at[5]))
      call('ZADD', kinds, 0, join(at[5], at[2], at[3], at[4]))
      call('SET', eventOf(tenant, write.id), string.format('1:%.0f:%s:', now, write.print) .. recordOf(at))
      call('ZADD', ages, now, write.id)
      call('ZADD', join(space, 'tenants'), 0, tenant)
    end
  end
end
local old = saves > 0 and call('ZRANGEBYSCORE', ages, '-inf', now - given.window, 'LIMIT', 0, saves * 2) or {}
for _, id in ipairs(old) do
  if parts(call('GET', eventOf(tenant, id))) == '1' then call('ZADD', ages, now, id)
  else call('DEL', eventOf(tenant, id)) call('ZREM', ages, id) end
end
if call('EXISTS', kinds) == 0 then call('ZREM', join(space, 'tenants'), tenant) end
return erased`;

/** Records, as their events, what is known of them and their payloads. */
export const READ = `${NAMES}
local found = {}
for _, at in ipairs(given) do table.insert(found, call('HMGET', recordOf(at), 'e', 'm', 'b')) end
return found`;

/** The key of the record whose current event this is, if it is of the session; and the record. */
export const READ_EVENT = `${NAMES}
local session = join(space, 'record', given[1], given[2], given[3], '')
local current, _, _, key = parts(call('GET', eventOf(given[1], given[4])))
if current ~= '1' or string.sub(key, 1, #session) ~= session then return false end
return { key, unpack(call('HMGET', key, 'e', 'm', 'b')) }`;

/** A page: whether there may be more, records with their keys, and the tenant where the page ends early. */
export const SCAN = `${NAMES}
local found, bytes, visited = { 0 }, 0, 200
local function add(command, set, from, to, atOf)
  for _, member in ipairs(call(command, set, from, to, 'LIMIT', 0, given.limit + 2 - #found)) do
    if #found > given.limit or bytes >= given.most then found[1] = 1 return false end
    local key = recordOf(atOf(string.match(member, '^([^%z]*)%z([^%z]*)%z([^%z]*)%z?(.*)$')))
    local event, about, payload = unpack(call('HMGET', key, 'e', 'm', given.isBare and '' or 'b'))
    bytes = bytes + call('HSTRLEN', key, 'b')
    table.insert(found, { key, event, about, payload })
  end
  return true
end
if given.identity then
  local tenant, user = given.identity[1], given.identity[2]
  add(given.command, join(space, 'list', tenant, user), given.from, given.to, function(session, run, kind)
    return { tenant, user, session, run, kind }
  end)
  return found
end
local tenants = given.tenant and { given.tenant }
  or call('ZRANGEBYLEX', join(space, 'tenants'), '[' .. given.after, '+', 'LIMIT', 0, visited)
for _, tenant in ipairs(tenants) do
  local from = tenant == given.after and given.from or '[' .. given.prefix
  local isAll = add('ZRANGEBYLEX', join(space, 'kinds', tenant), from, '(' .. given.prefix .. '\\255', function(kind, ...)
    local user, session, run = ...
    return { tenant, user, session, run, kind }
  end)
  if not isAll then return found end
end
if #tenants == visited then found[1] = 1 table.insert(found, tenants[visited]) end
return found`;

/** A page of sessions: one step for each, however many records it has. */
export const SESSIONS = `${NAMES}
local found, from, list = {}, given.from, join(space, 'list', given.tenant, given.user)
while #found <= given.limit do
  local member = call('ZRANGEBYLEX', list, from, '(' .. given.prefix .. '\\255', 'LIMIT', 0, 1)[1]
  if not member then return found end
  table.insert(found, string.match(member, '^[^%z]*'))
  from = '[' .. found[#found] .. '\\1'
end
return found`;
