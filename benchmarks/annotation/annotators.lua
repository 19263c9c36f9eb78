-- The script by which wrk plays annotators. Its arguments are a number of seconds, and a folder with `steps.lua`, which
-- returns the requests of an annotation, and with a file for each annotator: a line for the header `Authorization`, and
-- one for the id of each task. Each thread of wrk has one connection and one annotator, who begins no further
-- annotation after those seconds. wrk calls `request` once more than it sends requests: only `response` changes the
-- state.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, microseconds; } lightbox_time; int gettimeofday(lightbox_time *, void *);")

local threads, tasks, step, captured, now = {}, {}, 1, "", ffi.new("lightbox_time")

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("number", #threads)
end

local function time()
  ffi.C.gettimeofday(now, nil)
  return tonumber(now.seconds) + tonumber(now.microseconds) / 1e6
end

function init(args)
  finished, begun, failure = 0, 0, ""
  seconds, folder = tonumber(args[1]), args[2]
  steps = dofile(folder .. "/steps.lua")
  local lines = io.lines(folder .. "/" .. number)
  headers = {["Authorization"] = lines(), ["Content-Type"] = "application/json"}
  for task in lines do tasks[#tasks + 1] = task end
end

local function filled(text)
  return (text:gsub("@task@", tasks[begun + 1] or ""):gsub("@captured@", captured))
end

local function fail(text)
  failure = text
  wrk.thread:stop()
end

function request()
  ending = ending or time() + seconds
  local this = steps[step]
  return wrk.format(this.method, filled(this.path), headers, filled(this.body))
end

function response(status, _, body)
  local this = steps[step]
  if status ~= this.status then
    return fail(string.format("%s %s: %d %s", this.method, filled(this.path), status, body:sub(1, 500)))
  end
  if this.capture ~= "" then
    captured = body:match(this.capture)
    if not captured then return fail(this.path .. ": " .. body:sub(1, 500)) end
  end
  if step < #steps then
    step = step + 1
    return
  end
  step = 1
  begun = begun + 1
  if time() > ending then return wrk.thread:stop() end
  finished = finished + 1
  if begun == #tasks then fail("an annotator has no task left") end
end

-- Prints the number of lost requests, the first failure, and how many annotations each annotator has finished.
function done(summary)
  local errors, counts, failed = summary.errors, {}, ""
  for at, thread in ipairs(threads) do
    counts[at] = thread:get("finished")
    if failed == "" then failed = thread:get("failure"):gsub("%c", " ") end
  end
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("\n%d\n%s\n%s\n", lost, failed, table.concat(counts, " ")))
end
