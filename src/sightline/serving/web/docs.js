// Swagger UI over this service's own description, with the token of this browser tab.
import { get, headers, whenAllowed } from "/web/session.js";

await whenAllowed(async () => {
  const spec = await get("/openapi.json");
  window.SwaggerUIBundle({
    spec,
    dom_id: "#swagger",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      Object.assign(request.headers, headers());
      return request;
    },
  });
});
