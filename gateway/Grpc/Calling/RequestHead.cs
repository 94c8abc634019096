namespace Granary.Gateway.Grpc.Calling;

/// <summary>What a reply needs to know of its request.</summary>
/// <param name="ReplyTo">Where the reply goes; null when nobody waits for one.</param>
/// <param name="CorrelationId">Null when the request has none.</param>
internal readonly record struct RequestHead(byte[]? ReplyTo, byte[]? CorrelationId);
