using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>A Consume stream whose deliveries are read one by one.</summary>
internal sealed class ConsumerStream : IDisposable
{
    private readonly AsyncDuplexStreamingCall<ConsumeRequest, ConsumeResponse> _call;
    private readonly Queue<Delivery> _deliveries = new();

    private ConsumerStream(AsyncDuplexStreamingCall<ConsumeRequest, ConsumeResponse> call) => _call = call;

    public string Tag { get; private set; } = "";

    public static async Task<ConsumerStream> OpenAsync(GrpcBroker broker, Subscribe subscribe)
    {
        var stream = new ConsumerStream(broker.Messaging.Consume(GrpcBroker.With()));
        await stream.SendAsync(new ConsumeRequest { Subscribe = subscribe });
        stream.Tag = (await stream.ReadAsync()).Subscribed.ConsumerTag;
        return stream;
    }

    public Task SendAsync(ConsumeRequest request) => _call.RequestStream.WriteAsync(request);

    public Task AckAsync(params ulong[] tags) => SendAsync(new ConsumeRequest { Acks = { tags } });

    public Task SettleAsync(ulong tag, Outcome outcome, bool multiple = false) =>
        SendAsync(new ConsumeRequest { Settlements = { new Settlement { DeliveryTag = tag, Outcome = outcome, Multiple = multiple } } });

    public async Task<ConsumeResponse> ReadAsync()
    {
        Assert.True(await _call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));
        return _call.ResponseStream.Current;
    }

    public async Task<Delivery> NextAsync()
    {
        while (_deliveries.Count == 0)
        {
            foreach (var delivery in (await ReadAsync()).Deliveries)
            {
                _deliveries.Enqueue(delivery);
            }
        }

        return _deliveries.Dequeue();
    }

    public async Task<string[]> NextBodiesAsync(int count)
    {
        var bodies = new string[count];
        for (var i = 0; i < count; i++)
        {
            bodies[i] = (await NextAsync()).Body.ToStringUtf8();
        }

        return bodies;
    }

    /// <summary>Half-closes and reads to the end; the responses on the way.</summary>
    public async Task<List<ConsumeResponse>> FinishAsync()
    {
        await _call.RequestStream.CompleteAsync();
        var rest = new List<ConsumeResponse>();
        while (await _call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience))
        {
            rest.Add(_call.ResponseStream.Current);
        }

        return rest;
    }

    public async Task ReadToEndAsync()
    {
        while (await _call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience))
        {
        }
    }

    public void Dispose() => _call.Dispose();
}
