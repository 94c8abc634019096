using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Granary.Chart.Tests.Rendering;
using k8s.Models;

namespace Granary.Chart.Tests.Running;

/// <summary>A rendered release on this machine: its pods, its secrets, and what its Services lead to.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    // One of many: other tests may run at the same time.
    private readonly string _network = $"127.{Random.Shared.Next(1, 255)}.{Random.Shared.Next(1, 255)}";
    private readonly string _folder = Directory.CreateTempSubdirectory("granary-chart-").FullName;
    private readonly Manifests _manifests;
    private readonly Dictionary<string, Dictionary<string, string>> _secrets;
    private readonly List<PodProcess> _running = [];

    /// <param name="secrets">Those that are there before the release.</param>
    public Cluster(Manifests manifests, Dictionary<string, Dictionary<string, string>> secrets)
    {
        _manifests = manifests;
        _secrets = new(secrets);
        Take(manifests);
        var scaler = manifests.Of<V2HorizontalPodAutoscaler>().SingleOrDefault()?.Spec;
        Pods =
        [
            .. manifests.Of<V1StatefulSet>().SelectMany(set => PodsOf(set.Metadata.Name, set.Spec.Replicas, set.Spec.Template)),
            .. manifests.Of<V1Deployment>().SelectMany(set => PodsOf(set.Metadata.Name, set.Spec.Replicas ?? scaler?.MinReplicas, set.Spec.Template)),
        ];
        Pods = [.. Pods.Select((pod, index) => pod with { Address = $"{_network}.{index + 1}" })];
    }

    public IReadOnlyList<Pod> Pods { get; }

    public IReadOnlyList<PodProcess> Running => _running;

    public Dictionary<string, string> SecretOf(string name) => _secrets[name];

    /// <summary>Starts all pods at once, and completes when all are ready.</summary>
    public async Task StartAsync()
    {
        _running.AddRange(Pods.Select(pod => PodProcess.Start(pod, pod.Spec.Containers.Single(), this)));
        await Task.WhenAll(_running.Select(pod => pod.WhenReadyAsync()));
    }

    /// <summary>As an upgrade that changes nothing but secrets: they come into the pods that run, and into one after the other.</summary>
    public void Refresh(Manifests manifests)
    {
        Take(manifests);
        foreach (var (pod, volume) in Pods.SelectMany(pod => pod.Spec.Volumes.Select(volume => (pod, volume.Name))))
        {
            pod.FolderOf(volume, this);
        }
    }

    /// <summary>Deletes a pod, and completes when the one in its place is ready.</summary>
    public async Task ReplaceAsync(string name)
    {
        var index = _running.FindIndex(one => one.Pod.Name == name);
        await _running[index].StopAsync();
        await _running[index].DisposeAsync();
        _running[index] = PodProcess.Start(_running[index].Pod, _running[index].Pod.Spec.Containers.Single(), this);
        await _running[index].WhenReadyAsync();
    }

    /// <summary>Stops all pods at once, as when a cluster is turned off, and completes when all have ended within their grace.</summary>
    public async Task<int[]> StopAsync()
    {
        var codes = await Task.WhenAll(_running.Select(pod => pod.StopAsync()));
        await EndAsync();
        return codes;
    }

    /// <summary>Each port that a pod's manifest names is one that its process listens on.</summary>
    public async Task ExpectOpenPortsAsync()
    {
        foreach (var (address, port) in Pods.SelectMany(pod => pod.Spec.Containers.Single().Ports.Select(port => (pod.Address, port.ContainerPort))))
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Parse(address), port);
        }
    }

    /// <summary>Runs the pods of <c>helm test</c> by their weight, of each the containers for preparation and then its own.</summary>
    public async Task TestAsync()
    {
        foreach (var test in _manifests.Of<V1Pod>().OrderBy(test => int.Parse(test.Metadata.Annotations["helm.sh/hook-weight"], CultureInfo.InvariantCulture)))
        {
            var pod = new Pod(test.Metadata.Name, test.Metadata.Labels, test.Spec, $"{_network}.250", Directory.CreateDirectory(Path.Combine(_folder, test.Metadata.Name)).FullName);
            foreach (var container in (test.Spec.InitContainers ?? []).Append(test.Spec.Containers.Single()))
            {
                await RunAsync(pod, container);
            }
        }
    }

    /// <summary>In place of a Service's name or address in a word: that of a pod which it leads to.</summary>
    public string Resolve(string word)
    {
        if (word.StartsWith("--host=", StringComparison.Ordinal))
        {
            var service = _manifests.One<V1Service>(word["--host=".Length..]).Spec;
            var pod = Pods.First(pod => service.Selector.All(label => pod.Labels.TryGetValue(label.Key, out var value) && value == label.Value));

            // As they are in the chart unless its values say otherwise, which the pods' ports do not follow.
            Assert.All(service.Ports, port => Assert.Contains(pod.Spec.Containers[0].Ports, its => its.Name == port.TargetPort.Value && its.ContainerPort == port.Port));
            return $"--host={pod.Address}";
        }

        return word;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task RunAsync(Pod pod, V1Container container)
    {
        await using var process = PodProcess.Start(pod, container, this);
        var code = await process.WhenEndedAsync();
        Assert.True(code == 0, $"{container.Name} ended with {code}:\n{process.Log}\n{string.Join('\n', _running.Select(one => $"{one.Pod.Name}:\n{one.Log}"))}");
    }

    private void Take(Manifests manifests)
    {
        foreach (var secret in manifests.Of<V1Secret>())
        {
            _secrets[secret.Metadata.Name] = secret.Data.ToDictionary(entry => entry.Key, entry => Encoding.UTF8.GetString(entry.Value));
        }
    }

    private async Task EndAsync()
    {
        foreach (var pod in _running)
        {
            await pod.DisposeAsync();
        }

        _running.Clear();
    }

    private IEnumerable<Pod> PodsOf(string name, int? replicas, V1PodTemplateSpec template) => Enumerable.Range(0, replicas ?? 1).Select(ordinal =>
        new Pod($"{name}-{ordinal}", template.Metadata.Labels, template.Spec, "", Directory.CreateDirectory(Path.Combine(_folder, $"{name}-{ordinal}")).FullName));
}
