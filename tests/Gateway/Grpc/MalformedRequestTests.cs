using Google.Protobuf.Reflection;
using Granary.Testing.Brokers;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>Requests that are no protobuf messages: their client is told so, and nobody else.</summary>
[WatchedBroker]
public sealed class MalformedRequestTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    private static readonly Marshaller<byte[]> AsItIs = Marshallers.Create(static (byte[] message) => message, static message => message);

    private static readonly ServiceDescriptor[] Services = [V1.Topology.Descriptor, V1.Messaging.Descriptor, V1.Rpc.Descriptor];

    // A field that is longer than its message, a number that does not end, a wire type that there is not, and the end of no group.
    public static TheoryData<string> Malformed => new("0A7F01", "08FF", "0F", "7C");

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task EveryUnaryRpc_WithIt_IsInvalid(string request)
    {
        foreach (var method in Services.SelectMany(static service => service.Methods).Where(static method => !method.IsClientStreaming))
        {
            await ExpectInvalidAsync(() => CallAsync(method, request, Credentials));
        }
    }

    // Requests are read before anybody asks whose they are.
    [Fact]
    public async Task UnaryRpc_WithItAndWithoutCredentials_IsInvalid() =>
        await ExpectInvalidAsync(() => CallAsync(V1.Messaging.Descriptor.FindMethodByName("Publish"), "0A7F01", new Metadata()));

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task EveryStream_WithIt_IsInvalid(string request)
    {
        foreach (var method in Services.SelectMany(static service => service.Methods).Where(static method => method.IsClientStreaming))
        {
            await ExpectInvalidAsync(() => StreamAsync(method, request));
        }
    }

    private static async Task ExpectInvalidAsync(Func<Task> call) => Assert.StartsWith(
        "SYNTAX_ERROR - the request is malformed: ", (await ExpectAsync(StatusCode.InvalidArgument, 502, call)).Status.Detail, StringComparison.Ordinal);

    private static Method<byte[], byte[]> Raw(MethodType type, MethodDescriptor method) => new(type, method.Service.FullName, method.Name, AsItIs, AsItIs);

    private async Task CallAsync(MethodDescriptor method, string request, Metadata metadata)
    {
        using var call = broker.Channel.CreateCallInvoker().AsyncUnaryCall(
            Raw(MethodType.Unary, method), null, new CallOptions(metadata, DateTime.UtcNow + Patience), Convert.FromHexString(request));
        await call.ResponseAsync;
    }

    private async Task StreamAsync(MethodDescriptor method, string request)
    {
        using var call = broker.Channel.CreateCallInvoker().AsyncDuplexStreamingCall(Raw(MethodType.DuplexStreaming, method), null, With());
        await call.RequestStream.WriteAsync(Convert.FromHexString(request));
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
        }
    }
}
