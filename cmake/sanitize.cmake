# COLL_SANITIZE: the sanitizers of the whole build, as the compiler names them ("address,undefined" or "thread").
set(COLL_SANITIZE "" CACHE STRING "sanitizers of the whole build: address,undefined or thread")
if(COLL_SANITIZE)
  add_compile_options(-fsanitize=${COLL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(COLL_SANITIZE MATCHES "undefined") # the MMU and AddressSanitizer see these too; the kernels compile faster
    add_compile_options(-fno-sanitize=null,object-size)
  endif()
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized) # g++ 12 warns inside <regex> where code is instrumented
  endif()
  add_link_options(-fsanitize=${COLL_SANITIZE})
endif()

# coll_quick_to_compile(): code of this folder whose instrumented compilation costs more than its running.
macro(coll_quick_to_compile)
  if(COLL_SANITIZE MATCHES "address")
    add_compile_options(-O0)
  endif()
endmacro()

# coll_kernel_sources(TARGET SOURCES...): sources whose templates hold hundreds of small inlined functions. Watching where
# each of their variables ends makes them compile three times as long, and they keep no address of one.
function(coll_kernel_sources target)
  target_sources(${target} PRIVATE ${ARGN})
  if(COLL_SANITIZE MATCHES "address")
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target}
      PROPERTIES COMPILE_OPTIONS -fno-sanitize-address-use-after-scope)
  endif()
endfunction()

# coll_opens_ucx(PROGRAM [TEST]): the program of the test (of the same name, where none is given) knows whether there is a UCX module (COLL_HAS_UCX), and its ranks find it.
function(coll_opens_ucx program)
  set(test ${ARGV1})
  if(NOT test)
    set(test ${program})
  endif()
  if(TARGET coll_ucx)
    target_compile_definitions(${program} PRIVATE COLL_HAS_UCX)
    add_dependencies(${program} coll_ucx)
    if(COLL_SANITIZE) # its dlopen() is the caller then, to whom the library's search path does not apply
      set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT "LD_LIBRARY_PATH=$<TARGET_FILE_DIR:coll_ucx>")
    endif()
  endif()
endfunction()

# coll_starts_mpi(TEST): leaks are not looked for in it, as Open MPI's own are in plug-ins that it has unloaded by then,
# which no suppression can name.
function(coll_starts_mpi test)
  if(COLL_SANITIZE)
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT
      "ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1")
  endif()
endfunction()
