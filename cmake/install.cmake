# What `cmake --install` puts where, the CMake package and the pkg-config file.
include(CMakePackageConfigHelpers)

set(coll_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/coll)
install(FILES include/coll/coll.h include/coll/coll_mpi.h include/coll/coll_profile.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coll)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "man" EXCLUDE)
install(FILES examples/allreduce.c examples/jacobi.f90 DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

if(COLL_TOOLS)
  include(man)
endif()

# The Fortran modules, as source: a module's compiled form belongs to one compiler, and to one MPI library.
set(coll_fortran_dir ${CMAKE_INSTALL_DATADIR}/coll/fortran)
install(DIRECTORY fortran/ DESTINATION ${coll_fortran_dir})

# Two export sets, so that coll::coll can be used where there is no MPI.
install(TARGETS coll EXPORT coll_targets)
install(EXPORT coll_targets NAMESPACE coll:: FILE coll_targets.cmake DESTINATION ${coll_package_dir})
if(TARGET coll_mpi)
  target_include_directories(coll_mpi PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(coll_mpi INTERFACE coll)
  # mpi.h of C++ programs names the C++ bindings, which nobody links, unless told not to.
  target_compile_definitions(coll_mpi INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
  set_target_properties(coll_mpi PROPERTIES EXPORT_NAME mpi INSTALL_RPATH "$ORIGIN")
  install(TARGETS coll_mpi EXPORT coll_mpi_targets)
  install(EXPORT coll_mpi_targets NAMESPACE coll:: FILE coll_mpi_targets.cmake DESTINATION ${coll_package_dir})
endif()

# Opened at run time by libcoll.so, so that nobody links it.
foreach(module coll_ucx coll_cuda)
  if(TARGET ${module})
    install(TARGETS ${module} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_SKIP)
  endif()
endforeach()

configure_package_config_file(cmake/collConfig.cmake.in ${PROJECT_BINARY_DIR}/collConfig.cmake
                              INSTALL_DESTINATION ${coll_package_dir} PATH_VARS coll_fortran_dir NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/collConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/collConfig.cmake ${PROJECT_BINARY_DIR}/collConfigVersion.cmake
        DESTINATION ${coll_package_dir})

# pkg-config names MPI by its own file where it has one, else by the flags that CMake found.
pkg_check_modules(OMPI_C QUIET ompi-c)
pkg_check_modules(MPICH QUIET mpich)
if(OMPI_C_FOUND)
  set(coll_pc_requires ompi-c)
elseif(MPICH_FOUND)
  set(coll_pc_requires mpich)
else()
  list(TRANSFORM MPI_C_INCLUDE_DIRS PREPEND -I OUTPUT_VARIABLE coll_pc_cflags)
  list(JOIN coll_pc_cflags " " coll_pc_cflags)
  list(JOIN MPI_C_LIBRARIES " " coll_pc_libs)
endif()
# The prefix is found from where the file lies, so that an installed tree can be moved.
file(RELATIVE_PATH coll_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/coll.pc.in ${PROJECT_BINARY_DIR}/coll.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coll.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
