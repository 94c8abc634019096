using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>What precedes the first dead letter of a process.</summary>
public sealed class DeadLetterRehearsalTests
{
    private const int Rehearsed = 3230, NotRehearsed = 3231;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Declare_OfTheFirstQueueWithDeadLetters_IsAnsweredAfterARehearsalThatLeavesNothing(bool localLinks)
    {
        using var log = new RehearsalLog();
        await using var silo = await TestSilo.StartAsync(log: log, more: silo =>
        {
            // However slow the machine is, it is not too late.
            silo.Services.AddSingleton<TimeProvider>(new FakeTimeProvider(DateTimeOffset.UtcNow));
            silo.AddRehearsal();
            if (localLinks)
            {
                silo.AddLocalLinks();
            }
        });
        Assert.Null((await Queue(silo, "/", "plain").DeclareAsync(Declaration())).Error);
        Assert.Empty(log.Events);

        foreach (var name in new[] { "dying", "dying too" })
        {
            Assert.Null((await Queue(silo, "/", name).DeclareAsync(Declaration(("x-dead-letter-exchange", "amq.fanout")))).Error);
            Assert.Equal([Rehearsed], log.Events);
        }

        foreach (var name in new[] { "source", "target" })
        {
            Assert.Equal(ReplyCode.NotFound, (await Queue(silo, "", name).DescribeAsync(default)).Error?.Code);
        }
    }

    private static IQueueGrain Queue(TestSilo silo, string vhost, string name) => silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For(vhost, name));

    private static QueueDeclaration Declaration(params (string Name, FieldValue Value)[] arguments) =>
        new(default, Durable: false, Exclusive: false, AutoDelete: false, EncodedTable.From(FieldTable.Of(arguments)), ReservedNameAllowed: false);

    private sealed class RehearsalLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<int> Events { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id is Rehearsed or NotRehearsed)
            {
                Events.Enqueue(eventId.Id);
            }
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
