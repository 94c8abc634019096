using System.Text;
using Granary.V1;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using ExchangeType = RabbitMQ.Client.ExchangeType;

namespace Granary.Cluster.Tests;

/// <summary>What is asked at one gateway is answered for the cluster.</summary>
[Collection(TwoGateways.Shared)]
public sealed class WholeClusterTests(TwoGateways gateways)
{
    private readonly string _name = $"whole-{Guid.NewGuid():N}";

    [Fact]
    public async Task Counts_AskedAtAnyGateway_AreOfAll()
    {
        await using var first = await gateways.Cluster.ConnectAsync(1);
        await using var second = await gateways.Cluster.ConnectAsync(2);
        await using var here = await first.ConfirmedChannelAsync();
        await using var there = await second.ConfirmedChannelAsync();
        using var grpcHere = gateways.Cluster.Grpc(1);
        using var grpcThere = gateways.Cluster.Grpc(2);
        await here.QueueDeclareAsync(_name, durable: true, exclusive: false, autoDelete: false);
        await here.ExchangeDeclareAsync(_name, ExchangeType.Fanout, durable: true);
        await there.ExchangeDeclarePassiveAsync(_name);
        await there.QueueBindAsync(_name, _name, "");
        await here.BasicPublishAsync(_name, "", mandatory: true, Encoding.ASCII.GetBytes("held"));
        await there.BasicPublishAsync(_name, "", mandatory: true, Encoding.ASCII.GetBytes("held"));
        await there.BasicPublishAsync(_name, "", mandatory: true, Encoding.ASCII.GetBytes("ready"));

        // A consumer at each gateway that has taken one message and takes no more.
        await ConsumeOneAsync(here);
        using var consume = new Messaging.MessagingClient(grpcThere).Consume(Clients.CallOptions);
        await consume.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = _name, Credit = 1 } });
        Assert.True(await consume.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True(await consume.ResponseStream.MoveNext(CancellationToken.None));

        foreach (var channel in new[] { here, there })
        {
            var described = await channel.QueueDeclarePassiveAsync(_name);
            Assert.Equal((1u, 2u), (described.MessageCount, described.ConsumerCount));
        }

        foreach (var grpc in new[] { grpcHere, grpcThere })
        {
            var described = await new Topology.TopologyClient(grpc).DeclareQueueAsync(new DeclareQueueRequest { Queue = _name, Passive = true }, Clients.CallOptions);
            Assert.Equal((1ul, 2u), (described.MessageCount, described.ConsumerCount));
        }

        Assert.Equal(1u, await there.QueuePurgeAsync(_name));
        Assert.Equal(0ul, (await new Topology.TopologyClient(grpcHere).DeleteQueueAsync(new DeleteQueueRequest { Queue = _name }, Clients.CallOptions)).MessageCount);
    }

    private async Task ConsumeOneAsync(IChannel channel)
    {
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, _) =>
        {
            taken.TrySetResult();
            return Task.CompletedTask;
        };
        await channel.BasicQosAsync(0, 1, global: false);
        await channel.BasicConsumeAsync(_name, autoAck: false, consumer);
        await taken.Task.WaitAsync(Clients.Patience);
    }
}
