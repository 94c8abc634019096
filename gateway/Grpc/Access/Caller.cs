namespace Granary.Gateway.Grpc.Access;

/// <summary>Who calls, and which virtual host the call is about.</summary>
internal readonly record struct Caller(string User, string Vhost);
