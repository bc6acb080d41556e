// The thread pool: runs tasks 0..count-1 of one function on the cores until all are done.
//
// Any thread may run any task; no result may depend on the thread.
#pragma once
#include <cstdint>

namespace vetro {

int cores();  // the number of cores that this process may use

// A reference to a function, valid during the call: std::function would allocate.
class Task {
 public:
  template <class F>
  Task(const F& function)
      : function_(&function), call_([](const void* f, int64_t number, int worker) {
          (*static_cast<const F*>(f))(number, worker);
        }) {}
  void operator()(int64_t number, int worker) const { call_(function_, number, worker); }

 private:
  const void* function_;
  void (*call_)(const void*, int64_t, int);
};

// Runs task(number, worker) for each number; worker < threads.  If called from within a task, or
// while another caller uses the pool, the tasks run in the calling thread one after the other.
void run_parallel(int64_t count, int threads, const Task& task);

}  // namespace vetro
