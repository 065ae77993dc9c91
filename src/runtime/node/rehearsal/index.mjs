export async function f(event, context) {
  const { method, path, headers, requestId } = context;
  return { event, method, path, query: context.query.get('c'), headers, requestId, left: context.remainingMs() };
}
