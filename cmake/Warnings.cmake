# SPDX-License-Identifier: MIT
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum
                    -Wmissing-prototypes -Wvla -Wstrict-prototypes)
if(KIBRAY_WERROR)
  add_compile_options(-Werror)
endif()
if(KIBRAY_SANITIZE)
  add_compile_options(-fsanitize=${KIBRAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KIBRAY_SANITIZE})
else()
  # Hardening for optimised builds; sanitizers bring their own checks.
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  add_compile_options(-fstack-protector-strong -fPIE)
  add_link_options(-pie -Wl,-z,relro,-z,now)
endif()
