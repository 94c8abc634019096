using System.Text;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;
using BasicProperties = Granary.V1.BasicProperties;

namespace Granary.Gateway.Tests.Grpc;

[WatchedBroker]
public sealed class RpcTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    [Fact]
    public async Task Call_ServedOverGrpc_GetsTheReplyWithTheCallersCorrelationId()
    {
        var queue = await broker.DeclareQueueAsync();
        using var server = await ServerStream.OpenAsync(broker, queue);
        var calls = Enumerable.Range(0, 20).Select(number => CallAsync(queue, $"{number}", correlationId: number % 2 == 0 ? $"caller {number}" : null)).ToArray();
        for (var i = 0; i < calls.Length; i++)
        {
            var request = await server.NextAsync();
            Assert.StartsWith("amq.rabbitmq.reply-to.", request.Properties.ReplyTo, StringComparison.Ordinal);
            Assert.DoesNotContain("caller", request.Properties.CorrelationId, StringComparison.Ordinal);
            await server.ReplyAsync(request.DeliveryTag, $"re {request.Body.ToStringUtf8()}", new BasicProperties { ContentType = "x" });
        }

        for (var i = 0; i < calls.Length; i++)
        {
            var response = await calls[i];
            Assert.Equal(($"re {i}", "x"), (response.Body.ToStringUtf8(), response.Properties.ContentType));
            Assert.Equal((i % 2 == 0, i % 2 == 0 ? $"caller {i}" : ""), (response.Properties.HasCorrelationId, response.Properties.CorrelationId));
        }

        await server.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Call_NobodyAnswers_EndsAtTheDeadline()
    {
        var queue = await broker.DeclareQueueAsync();
        var message = MessageOf(queue, "x");
        await ExpectAsync(
            StatusCode.DeadlineExceeded, null,
            () => broker.Rpc.CallAsync(new CallRequest { Message = message }, With(TimeSpan.FromMilliseconds(300))).ResponseAsync);
    }

    [Fact]
    public async Task Call_Refusals_HaveTheirStatus()
    {
        await ExpectAsync(StatusCode.NotFound, 312, () => CallAsync($"none-{Guid.NewGuid():N}", "x"));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => broker.Rpc.CallAsync(new CallRequest(), With()).ResponseAsync);
        var message = MessageOf("q", "x", "none");
        await ExpectAsync(StatusCode.NotFound, 404, () => broker.Rpc.CallAsync(new CallRequest { Message = message }, With()).ResponseAsync);
        message.Properties = new BasicProperties { ReplyTo = "mine" };
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => broker.Rpc.CallAsync(new CallRequest { Message = message }, With()).ResponseAsync);
    }

    [Fact]
    public async Task Call_ServedOverAmqp_GetsTheReply()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var connection = await ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, request) => await channel.BasicPublishAsync(
            "", request.BasicProperties.ReplyTo!, mandatory: true,
            new RabbitMQ.Client.BasicProperties { CorrelationId = request.BasicProperties.CorrelationId },
            Encoding.UTF8.GetBytes($"re {Encoding.UTF8.GetString(request.Body.Span)}"));
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);

        var response = await CallAsync(queue, "a", "mine");
        Assert.Equal(("re a", "mine"), (response.Body.ToStringUtf8(), response.Properties.CorrelationId));
    }

    [Theory]
    [InlineData("amq.rabbitmq.reply-to")]
    [InlineData("")]
    public async Task Serve_RequestsFromAmqp_AreAnsweredInTheirReplyQueue(string replyTo)
    {
        var queue = await broker.DeclareQueueAsync();
        using var server = await ServerStream.OpenAsync(broker, queue);
        await using var connection = await ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var replyQueue = replyTo.Length > 0 ? replyTo : (await channel.QueueDeclareAsync()).QueueName;
        var replied = new TaskCompletionSource<(string?, string)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, reply) =>
        {
            replied.TrySetResult((reply.BasicProperties.CorrelationId, Encoding.UTF8.GetString(reply.Body.Span)));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(replyQueue, autoAck: true, consumer);
        await channel.BasicPublishAsync(
            "", queue, mandatory: true, new RabbitMQ.Client.BasicProperties { ReplyTo = replyQueue, CorrelationId = "c" }, "a"u8.ToArray());

        var request = await server.NextAsync();
        await server.ReplyAsync(request.DeliveryTag, "re a");
        Assert.Equal(("c", "re a"), await replied.Task.WaitAsync(Patience));
        await server.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Serve_UnansweredAtTheEnd_GoesToAnotherServer()
    {
        var queue = await broker.DeclareQueueAsync();
        var call = CallAsync(queue, "a");
        using (var first = await ServerStream.OpenAsync(broker, queue))
        {
            Assert.False((await first.NextAsync()).Redelivered);
        }

        using var second = await ServerStream.OpenAsync(broker, queue);
        var request = await second.NextAsync();
        Assert.True(request.Redelivered);
        await second.ReplyAsync(request.DeliveryTag, "late");
        Assert.Equal("late", (await call).Body.ToStringUtf8());
    }

    [Fact]
    public async Task Serve_RepliesNobodyWaitsFor_AreDroppedAndSettleTheRequest()
    {
        var queue = await broker.DeclareQueueAsync();
        foreach (var replyTo in (string[])["amq.rabbitmq.reply-to.gone.1", $"none-{Guid.NewGuid():N}"])
        {
            var message = MessageOf(queue, "x");
            message.Properties = new BasicProperties { ReplyTo = replyTo };
            await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With());
        }

        using var server = await ServerStream.OpenAsync(broker, queue);
        await server.ReplyAsync((await server.NextAsync()).DeliveryTag, "1");
        await server.ReplyAsync((await server.NextAsync()).DeliveryTag, "2");
        await server.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Serve_Refusals_HaveTheirStatus()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "no reply_to");
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => ServerStream.OpenAsync(broker, queue, noAck: true));
        using (var server = await ServerStream.OpenAsync(broker, queue))
        {
            await server.ReplyAsync(77, "x");
            await ExpectAsync(StatusCode.FailedPrecondition, 406, server.ReadToEndAsync);
        }

        using (var server = await ServerStream.OpenAsync(broker, queue))
        {
            await server.ReplyAsync((await server.NextAsync()).DeliveryTag, "x");
            await ExpectAsync(StatusCode.FailedPrecondition, 406, server.ReadToEndAsync);
        }

        await broker.WaitForReadyAsync(queue, 1);
    }

    private Task<IConnection> ConnectAsync() => new ConnectionFactory { Uri = new Uri(broker.Broker.AmqpUrl) }.CreateConnectionAsync();

    private async Task<CallResponse> CallAsync(string queue, string body, string? correlationId = null)
    {
        var message = MessageOf(queue, body);
        if (correlationId is not null)
        {
            message.Properties = new BasicProperties { CorrelationId = correlationId };
        }

        return await broker.Rpc.CallAsync(new CallRequest { Message = message }, With());
    }
}
