# The rooms with SIMD kernels and their unit tests, cross-compiled or not; GoogleTest is built from Debian's sources.
find_path(COLL_HWY_INCLUDE hwy/highway.h REQUIRED NO_CMAKE_FIND_ROOT_PATH)
set(COLL_GTEST_SOURCE /usr/src/googletest CACHE PATH "sources of GoogleTest")

# Headers of the build machine's packages, without those of its C library.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/headers)
file(CREATE_LINK ${COLL_HWY_INCLUDE}/hwy ${PROJECT_BINARY_DIR}/headers/hwy SYMBOLIC)
target_include_directories(coll_flags SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/headers)

add_library(coll_objects OBJECT src/runtime/hop.cpp)
target_link_libraries(coll_objects PUBLIC coll_flags)
foreach(room src/base src/reduce compression)
  add_subdirectory(${room})
endforeach()

enable_testing()
set(INSTALL_GTEST OFF)
set(BUILD_GMOCK OFF)
add_subdirectory(${COLL_GTEST_SOURCE} googletest EXCLUDE_FROM_ALL)
target_compile_options(gtest PRIVATE -w)
include(${PROJECT_SOURCE_DIR}/tests/coll_test.cmake)
add_subdirectory(tests/unit/compression)
coll_test(hop_test SOURCES tests/unit/runtime/hop_test.cpp tests/support/elements.cpp TIMEOUT 300)
