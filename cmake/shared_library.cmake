# coll_shared_library(TARGET OUTPUT_NAME): how every shared library of the project is built: soname, only the C
# interface exported, nothing left undefined, found beside its siblings when installed.
function(coll_shared_library target output_name)
  set(map ${PROJECT_SOURCE_DIR}/cmake/coll.map)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${output_name}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    LINKER_LANGUAGE CXX
    LINK_DEPENDS ${map}
    INSTALL_RPATH "$ORIGIN")
  target_link_options(${target} PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
  if(NOT (COLL_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")) # clang's sanitizers live in the program alone
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()
