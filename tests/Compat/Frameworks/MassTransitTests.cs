using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using MassTransit;

namespace Granary.Frameworks.Tests;

/// <summary>
/// MassTransit 8.5: publish, request and response, retry, the queue that failed messages go to, redelivery and sending at a later time (by exchanges of the type
/// x-delayed-message), priorities, and endpoints of which one instance at a time is given messages.
/// </summary>
public sealed class MassTransitTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly string _queue = $"masstransit.{Guid.NewGuid():N}";

    /// <summary>Whoever sends to "queue:" declares the queue, without the arguments that the endpoint gave it.</summary>
    private Uri EndpointAddress => new($"exchange:{_queue}");

    [Fact]
    public async Task Publish_AHundredEvents_ReachEachSubscriberOnce()
    {
        var first = Channel.CreateUnbounded<int>();
        var second = Channel.CreateUnbounded<int>();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.ReceiveEndpoint(_queue, endpoint => endpoint.Handler<Submitted>(context => first.Writer.WriteAsync(context.Message.Number).AsTask()));
            rabbit.ReceiveEndpoint($"{_queue}.2", endpoint => endpoint.Handler<Submitted>(context => second.Writer.WriteAsync(context.Message.Number).AsTask()));
        });

        await Task.WhenAll(Enumerable.Range(0, 100).Select(number => bus.Bus.Publish(new Submitted(number))));

        Assert.Equal(Enumerable.Range(0, 100), (await TakeAsync(first, 100)).Order());
        Assert.Equal(Enumerable.Range(0, 100), (await TakeAsync(second, 100)).Order());
    }

    [Fact]
    public async Task Request_ToAQueue_IsAnswered()
    {
        await using var bus = await StartAsync(rabbit => rabbit.ReceiveEndpoint(
            _queue, endpoint => endpoint.Handler<Question>(context => context.RespondAsync(new Answer(context.Message.Number * 2)))));
        var client = bus.Bus.CreateRequestClient<Question>(new Uri($"queue:{_queue}"), Limit);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(number => client.GetResponse<Answer>(new Question(number))));

        Assert.Equal(Enumerable.Range(0, 50).Select(number => number * 2), answers.Select(answer => answer.Message.Number));
    }

    [Fact]
    public async Task Handler_ThatFailsTwice_IsRetried()
    {
        var attempts = Channel.CreateUnbounded<int>();
        await using var bus = await StartAsync(rabbit => rabbit.ReceiveEndpoint(_queue, endpoint =>
        {
            endpoint.UseMessageRetry(retry => retry.Interval(3, TimeSpan.FromMilliseconds(50)));
            endpoint.Handler<Fragile>(async context =>
            {
                await attempts.Writer.WriteAsync(context.GetRetryAttempt());
                if (context.GetRetryAttempt() < 2)
                {
                    throw new InvalidOperationException("not yet");
                }
            });
        }));

        await bus.Bus.Publish(new Fragile(1));

        Assert.Equal([0, 1, 2], await TakeAsync(attempts, 3));
    }

    [Fact]
    public async Task Handler_ThatAlwaysFails_LeavesTheMessageInTheErrorQueue()
    {
        var faults = Channel.CreateUnbounded<string>();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.ReceiveEndpoint(_queue, endpoint => endpoint.Handler<Broken>(_ => throw new InvalidOperationException("never")));
            rabbit.ReceiveEndpoint($"{_queue}.faults", endpoint => endpoint.Handler<Fault<Broken>>(
                context => faults.Writer.WriteAsync(context.Message.Exceptions[0].Message).AsTask()));
        });

        await bus.Bus.Publish(new Broken(7));

        var (body, headers) = await shared.TakeAsync($"{_queue}_error");
        Assert.Contains("\"number\": 7", body, StringComparison.Ordinal);
        Assert.Equal("never", Encoding.UTF8.GetString(Assert.IsType<byte[]>(headers["MT-Fault-Message"])));
        Assert.Equal(["never"], await TakeAsync(faults, 1));
    }

    [Fact]
    public async Task Handler_WithDelayedRedelivery_GetsTheMessageAgainLaterAndLater()
    {
        TimeSpan[] waits = [TimeSpan.FromMilliseconds(300), TimeSpan.FromMilliseconds(600)];
        var attempts = Channel.CreateUnbounded<(int Redeliveries, long At)>();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.UseDelayedMessageScheduler();
            rabbit.ReceiveEndpoint(_queue, endpoint =>
            {
                endpoint.UseDelayedRedelivery(redelivery => redelivery.Intervals(waits));
                endpoint.Handler<Fragile>(async context =>
                {
                    await attempts.Writer.WriteAsync((context.GetRedeliveryCount(), Stopwatch.GetTimestamp()));
                    if (context.GetRedeliveryCount() < waits.Length)
                    {
                        throw new InvalidOperationException("not yet");
                    }
                });
            });
        });

        await bus.Bus.Publish(new Fragile(2));

        var came = await TakeAsync(attempts, waits.Length + 1);
        Assert.Equal([0, 1, 2], came.Select(attempt => attempt.Redeliveries));
        Assert.All(waits.Select((wait, i) => (wait, Stopwatch.GetElapsedTime(came[i].At, came[i + 1].At))), static one => Assert.True(one.Item2 >= one.wait, $"it came after {one.Item2}"));
    }

    [Fact]
    public async Task Scheduler_SendsAtItsTimes_WhateverTheOrder()
    {
        var taken = Channel.CreateUnbounded<(int Number, TimeSpan After)>();
        var began = Stopwatch.GetTimestamp();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.UseDelayedMessageScheduler();
            rabbit.ReceiveEndpoint(_queue, endpoint =>
            {
                // One after the other, also if two are due when this process gets to it.
                endpoint.PrefetchCount = 1;
                endpoint.ConcurrentMessageLimit = 1;
                endpoint.Handler<Reminder>(context => taken.Writer.WriteAsync((context.Message.Milliseconds, Stopwatch.GetElapsedTime(began))).AsTask());
            });
        });
        var scheduler = bus.Bus.CreateDelayedMessageScheduler();
        int[] times = [1_500, 300, 900];

        // Each time begins with its call; which of them ends first depends on how long the calls take.
        var scheduled = new List<(DateTime At, int Number)>();
        foreach (var time in times)
        {
            var one = await scheduler.ScheduleSend(new Uri($"queue:{_queue}"), TimeSpan.FromMilliseconds(time), new Reminder(time));
            scheduled.Add((one.ScheduledTime, time));
        }

        var all = await TakeAsync(taken, times.Length);
        Assert.Equal(scheduled.OrderBy(static one => one.At).Select(static one => one.Number), all.Select(static one => one.Number));
        Assert.All(all, static one => Assert.True(one.After.TotalMilliseconds >= one.Number, $"{one.Number} came after {one.After}"));
    }

    [Fact]
    public async Task Messages_WithPriorities_AreHandledByThem()
    {
        var handled = Channel.CreateUnbounded<int>();
        var (begun, mayGoOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var bus = await StartAsync(rabbit => rabbit.ReceiveEndpoint(_queue, endpoint =>
        {
            endpoint.EnablePriority(9);
            endpoint.PrefetchCount = 1;
            endpoint.ConcurrentMessageLimit = 1;
            endpoint.Handler<Urgent>(async context =>
            {
                begun.TrySetResult();
                await mayGoOn.Task.WaitAsync(Limit);
                await handled.Writer.WriteAsync(context.Message.Priority);
            });
        }));
        var endpoint = await bus.Bus.GetSendEndpoint(EndpointAddress);
        await endpoint.Send(new Urgent(0), static context => context.SetPriority(0));
        await begun.Task.WaitAsync(Limit);

        foreach (var priority in new byte[] { 1, 5, 9, 3, 7 })
        {
            await endpoint.Send(new Urgent(priority), context => context.SetPriority(priority));
        }

        mayGoOn.SetResult();
        Assert.Equal([0, 9, 7, 5, 3, 1], await TakeAsync(handled, 6));
    }

    [Fact]
    public async Task Endpoint_WithASingleActiveConsumer_IsOneInstanceAtATime()
    {
        var handled = Channel.CreateUnbounded<(string Instance, int Number)>();
        await using var first = await StartAsync(rabbit => Listen(rabbit, "first"));
        await using var second = await StartAsync(rabbit => Listen(rabbit, "second"));
        var endpoint = await first.Bus.GetSendEndpoint(EndpointAddress);
        await SendAsync(0);
        Assert.Equal(Enumerable.Range(0, 20).Select(static number => ("first", number)), await TakeAsync(handled, 20));

        await first.DisposeAsync();
        endpoint = await second.Bus.GetSendEndpoint(EndpointAddress);
        await SendAsync(20);
        Assert.Equal(Enumerable.Range(20, 20).Select(static number => ("second", number)), await TakeAsync(handled, 20));

        void Listen(IRabbitMqBusFactoryConfigurator rabbit, string instance) => rabbit.ReceiveEndpoint(_queue, endpoint =>
        {
            endpoint.SingleActiveConsumer = true;
            endpoint.ConcurrentMessageLimit = 1;
            endpoint.Handler<Ordered>(context => handled.Writer.WriteAsync((instance, context.Message.Number)).AsTask());
        });

        async Task SendAsync(int from)
        {
            foreach (var number in Enumerable.Range(from, 20))
            {
                await endpoint.Send(new Ordered(number));
            }
        }
    }

    private static async Task<List<T>> TakeAsync<T>(Channel<T> channel, int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        var taken = new List<T>(count);
        while (taken.Count < count)
        {
            taken.Add(await channel.Reader.ReadAsync(limit.Token));
        }

        return taken;
    }

    private async Task<StartedBus> StartAsync(Action<IRabbitMqBusFactoryConfigurator> configure)
    {
        var bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host("127.0.0.1", (ushort)shared.Broker.AmqpPort, "/", host =>
            {
                host.Username("guest");
                host.Password("guest");
            });
            configure(rabbit);
        });
        using var limit = new CancellationTokenSource(Limit);
        await bus.StartAsync(limit.Token);
        return new StartedBus(bus);
    }

    private sealed class StartedBus(IBusControl bus) : IAsyncDisposable
    {
        private bool _isStopped;

        public IBusControl Bus => bus;

        public async ValueTask DisposeAsync()
        {
            if (_isStopped)
            {
                return;
            }

            _isStopped = true;
            using var limit = new CancellationTokenSource(Limit);
            await bus.StopAsync(limit.Token);
        }
    }
}

/// <summary>An event.</summary>
public sealed record Submitted(int Number);

/// <summary>A request.</summary>
public sealed record Question(int Number);

/// <summary>What a request is answered with.</summary>
public sealed record Answer(int Number);

/// <summary>An event whose handler fails at first.</summary>
public sealed record Fragile(int Number);

/// <summary>An event whose handler always fails.</summary>
public sealed record Broken(int Number);

/// <summary>A command that is to be sent later.</summary>
public sealed record Reminder(int Milliseconds);

/// <summary>A command with a priority.</summary>
public sealed record Urgent(int Priority);

/// <summary>A command whose order counts.</summary>
public sealed record Ordered(int Number);
