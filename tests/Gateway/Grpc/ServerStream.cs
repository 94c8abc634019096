using Google.Protobuf;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>A Serve stream whose requests are read one by one.</summary>
internal sealed class ServerStream : IDisposable
{
    private readonly AsyncDuplexStreamingCall<ServeRequest, ServeResponse> _call;
    private readonly Queue<Delivery> _requests = new();

    private ServerStream(AsyncDuplexStreamingCall<ServeRequest, ServeResponse> call) => _call = call;

    public static async Task<ServerStream> OpenAsync(GrpcBroker broker, string queue, bool noAck = false)
    {
        var stream = new ServerStream(broker.Rpc.Serve(GrpcBroker.With()));
        await stream._call.RequestStream.WriteAsync(new ServeRequest { Subscribe = new Subscribe { Queue = queue, NoAck = noAck } });
        Assert.NotNull((await stream.ReadAsync()).Subscribed);
        return stream;
    }

    public async Task<Delivery> NextAsync()
    {
        while (_requests.Count == 0)
        {
            foreach (var request in (await ReadAsync()).Requests)
            {
                _requests.Enqueue(request);
            }
        }

        return _requests.Dequeue();
    }

    public Task ReplyAsync(ulong tag, string body, BasicProperties? properties = null) => _call.RequestStream.WriteAsync(
        new ServeRequest { Replies = { new Reply { DeliveryTag = tag, Body = ByteString.CopyFromUtf8(body), Properties = properties } } });

    public async Task FinishAsync()
    {
        await _call.RequestStream.CompleteAsync();
        await ReadToEndAsync();
    }

    public async Task ReadToEndAsync()
    {
        while (await _call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience))
        {
        }
    }

    public void Dispose() => _call.Dispose();

    private async Task<ServeResponse> ReadAsync()
    {
        Assert.True(await _call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));
        return _call.ResponseStream.Current;
    }
}
