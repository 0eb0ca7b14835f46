# Runs at installation: writes overlap.pc for the prefix that is installed to.
foreach(folder LIBDIR INCLUDEDIR)
  set(path ${CMAKE_INSTALL_${folder}})
  if(IS_ABSOLUTE "${path}")
    set(pc_${folder} "${path}")
  else()
    set(pc_${folder} "\${prefix}/${path}")
  endif()
endforeach()
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}"
  NORMALIZE OUTPUT_VARIABLE pc_folder)
configure_file(${pkgconfig_template} ${pkgconfig_file} @ONLY)
file(INSTALL ${pkgconfig_file} DESTINATION ${pc_folder}/pkgconfig)
