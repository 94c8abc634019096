using Granary.Gateway.Access;

namespace Granary.Gateway.Grpc.Access;

/// <summary>Who calls, and which virtual host the call is about.</summary>
/// <param name="Access">Says what the user may do; null: the server's own does.</param>
internal readonly record struct Caller(string User, string Vhost, IAccess? Access = null);
