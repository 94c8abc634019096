using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using Granary.V1;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>Direct replies from clients of one gateway to clients of another.</summary>
[Collection(TwoGateways.Shared)]
public sealed class DirectReplyTests(TwoGateways gateways, Xunit.Abstractions.ITestOutputHelper output)
{
    private const string ReplyTo = "amq.rabbitmq.reply-to";

    private readonly string _queue = $"rpc-{Guid.NewGuid():N}";

    [Fact]
    public async Task Requests_ServedAtAnotherGateway_GetTheirRepliesInOrder()
    {
        const int Pipelined = 3000, OneByOne = 500;
        await using var serving = await ServeAsync(gateways.Cluster, 2);
        await using var connection = await gateways.Cluster.ConnectAsync(1);
        await using var channel = await connection.CreateChannelAsync();
        var replies = await ConsumeRepliesAsync(channel);

        var since = Stopwatch.GetTimestamp();
        for (var i = 0; i < OneByOne; i++)
        {
            await RequestAsync(channel, $"{i}");
            Assert.Equal($"re {i}", await replies.NextAsync());
        }

        var alone = OneByOne / Stopwatch.GetElapsedTime(since).TotalSeconds;
        since = Stopwatch.GetTimestamp();
        for (var i = 0; i < Pipelined; i++)
        {
            await RequestAsync(channel, $"{i}");
        }

        for (var i = 0; i < Pipelined; i++)
        {
            Assert.Equal($"re {i}", await replies.NextAsync());
        }

        output.WriteLine($"round trips over two gateways: {alone:F0}/s one by one, {Pipelined / Stopwatch.GetElapsedTime(since).TotalSeconds:F0}/s together");
    }

    [Fact]
    public async Task Reply_FromAnotherGateway_IsConfirmedWhenTheRequesterHasItAndReturnedWhenItIsGone()
    {
        await using var requesting = await gateways.Cluster.ConnectAsync(1);
        await using var requester = await requesting.CreateChannelAsync();
        var replies = await ConsumeRepliesAsync(requester);
        await using var replying = await gateways.Cluster.ConnectAsync(2);
        await using var replier = await replying.ConfirmedChannelAsync();
        var address = await AddressAsync(requester, replier);

        await replier.BasicPublishAsync("", address, mandatory: true, Encoding.ASCII.GetBytes("there"));
        Assert.Equal("there", await replies.NextAsync());
        Assert.Equal(1u, (await replier.QueueDeclarePassiveAsync(address)).ConsumerCount);

        await requester.CloseAsync();
        var returned = await Assert.ThrowsAsync<PublishReturnException>(
            async () => await replier.BasicPublishAsync("", address, mandatory: true, Encoding.ASCII.GetBytes("gone")));
        Assert.Equal((312, "NO_ROUTE"), (returned.ReplyCode, returned.ReplyText));
        await replier.BasicPublishAsync("", address, mandatory: false, Encoding.ASCII.GetBytes("gone and nobody minds"));
        var missing = await Assert.ThrowsAsync<OperationInterruptedException>(() => replier.QueueDeclarePassiveAsync(address));
        Assert.Equal(404, (int)missing.ShutdownReason!.ReplyCode);
    }

    [Fact]
    public async Task Call_OverGrpc_IsServedByAmqpAtAnotherGateway()
    {
        await using var serving = await ServeAsync(gateways.Cluster, 2);
        using var grpc = gateways.Cluster.Grpc(1);
        var rpc = new Rpc.RpcClient(grpc);
        for (var i = 0; i < 10; i++)
        {
            var response = await rpc.CallAsync(new CallRequest { Message = new Message { RoutingKey = _queue, Body = ByteString.CopyFromUtf8($"{i}") } }, Clients.CallOptions);
            Assert.Equal($"re {i}", response.Body.ToStringUtf8());
        }
    }

    [Fact]
    public async Task Request_OverAmqp_IsServedByGrpcAtAnotherGateway()
    {
        using var grpc = gateways.Cluster.Grpc(2);
        await new Topology.TopologyClient(grpc).DeclareQueueAsync(new DeclareQueueRequest { Queue = _queue, Durable = true }, Clients.CallOptions);
        using var serve = new Rpc.RpcClient(grpc).Serve(Clients.CallOptions);
        await serve.RequestStream.WriteAsync(new ServeRequest { Subscribe = new Subscribe { Queue = _queue } });
        await using var connection = await gateways.Cluster.ConnectAsync(1);
        await using var channel = await connection.CreateChannelAsync();
        var replies = await ConsumeRepliesAsync(channel);
        await RequestAsync(channel, "a");

        var request = await NextRequestAsync(serve.ResponseStream);
        await serve.RequestStream.WriteAsync(new ServeRequest { Replies = { new Reply { DeliveryTag = request.DeliveryTag, Body = ByteString.CopyFromUtf8("over gRPC") } } });
        Assert.Equal("over gRPC", await replies.NextAsync());

        // Published by itself, and in a stream.
        var messaging = new Messaging.MessagingClient(grpc);
        await messaging.PublishAsync(
            new PublishRequest { Message = new Message { RoutingKey = request.Properties.ReplyTo, Body = ByteString.CopyFromUtf8("by itself") } }, Clients.CallOptions);
        Assert.Equal("by itself", await replies.NextAsync());
        using var stream = messaging.PublishStream(Clients.CallOptions);
        await stream.RequestStream.WriteAsync(new PublishStreamRequest
        {
            Messages = { new Message { RoutingKey = request.Properties.ReplyTo, Body = ByteString.CopyFromUtf8("streamed") } },
        });
        Assert.Equal("streamed", await replies.NextAsync());
    }

    private async Task<IConnection> ServeAsync(LocalCluster cluster, int gateway)
    {
        var connection = await cluster.ConnectAsync(gateway);
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(_queue, durable: true, exclusive: false, autoDelete: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, request) => await channel.BasicPublishAsync(
            "", request.BasicProperties.ReplyTo!, mandatory: false, new BasicProperties { CorrelationId = request.BasicProperties.CorrelationId },
            Encoding.UTF8.GetBytes($"re {Encoding.UTF8.GetString(request.Body.Span)}"));
        await channel.BasicConsumeAsync(_queue, autoAck: true, consumer);
        return connection;
    }

    private static async Task<Replies> ConsumeRepliesAsync(IChannel channel)
    {
        var replies = new Replies();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, reply) =>
        {
            replies.Add(Encoding.UTF8.GetString(reply.Body.Span));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(ReplyTo, autoAck: true, consumer);
        return replies;
    }

    private ValueTask RequestAsync(IChannel channel, string body) => channel.BasicPublishAsync(
        "", _queue, mandatory: false, new BasicProperties { ReplyTo = ReplyTo, CorrelationId = body }, Encoding.UTF8.GetBytes(body));

    private async Task<string> AddressAsync(IChannel requester, IChannel replier)
    {
        await replier.QueueDeclareAsync(_queue, durable: true, exclusive: false, autoDelete: false);
        await RequestAsync(requester, "who");
        using var limit = new CancellationTokenSource(Clients.Patience);
        while (true)
        {
            if (await replier.BasicGetAsync(_queue, autoAck: true, limit.Token) is { } got)
            {
                return got.BasicProperties.ReplyTo!;
            }
        }
    }

    private static async Task<Delivery> NextRequestAsync(Grpc.Core.IAsyncStreamReader<ServeResponse> responses)
    {
        while (await responses.MoveNext(CancellationToken.None))
        {
            if (responses.Current.Requests.Count > 0)
            {
                return responses.Current.Requests[0];
            }
        }

        throw new InvalidOperationException("the stream ended");
    }

    private sealed class Replies
    {
        private readonly System.Threading.Channels.Channel<string> _all = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public void Add(string reply) => _all.Writer.TryWrite(reply);

        public async Task<string> NextAsync() => await _all.Reader.ReadAsync().AsTask().WaitAsync(Clients.Patience);
    }
}
