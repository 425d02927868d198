# coll_timeout(RESULT [SECONDS]): the time a test may take (120 s where none is given), more under sanitizers.
function(coll_timeout result)
  set(seconds 120)
  if(ARGC GREATER 1)
    set(seconds ${ARGV1})
  endif()
  if(COLL_SANITIZE)
    math(EXPR seconds "${seconds} * 4")
  endif()
  set(${result} ${seconds} PARENT_SCOPE)
endfunction()

# coll_test(NAME SOURCES... [TIMEOUT s] [LABELS...]): a GoogleTest program over the library's internals, one CTest entry.
# Label one_thread: it takes long, and has nothing for ThreadSanitizer, whose preset leaves it out.
function(coll_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE coll_objects GTest::gtest_main ${T_LIBRARIES})
  add_test(NAME ${name} COMMAND ${name})
  coll_timeout(timeout ${T_TIMEOUT})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${T_LABELS}")
  if("fault" IN_LIST T_LABELS)
    set_tests_properties(${name} PROPERTIES PROCESSORS 2) # they measure time-outs: nothing else runs beside them
  endif()
endfunction()
