using Granary.Testing.Processes;
using k8s.Models;

namespace Granary.Chart.Tests.Rendering;

/// <summary>What the chart makes of each way to install it.</summary>
public sealed class RenderingTests
{
    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Chart_Linted_HasNothingToComplainAbout(string values) =>
        Assert.Contains("0 chart(s) failed", await Helm.RunAsync(["lint", "--strict", Helm.Chart, "--values", ValuesFile.Of(values)]), StringComparison.Ordinal);

    [HelmFact]
    public async Task Chart_Packaged_HasWhatItNeedsAndNotItsTests()
    {
        var folder = Directory.CreateTempSubdirectory("granary-chart-").FullName;
        try
        {
            await Helm.RunAsync(["package", Helm.Chart, "--destination", folder]);
            var package = Assert.Single(Directory.GetFiles(folder));
            await ChildProcess.RunAsync("tar", ["-xzf", package, "-C", folder], TimeSpan.FromSeconds(60));
            var chart = Path.Combine(folder, "granary");

            Assert.Contains("0 chart(s) failed", await Helm.RunAsync(["lint", "--strict", chart, "--values", Path.Combine(chart, "values-trial.yaml")]), StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(chart, "UPGRADING.md")));
            Assert.False(Directory.Exists(Path.Combine(chart, "ci")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Chart_OnKubernetes120_UsesWhatIsThere(string values)
    {
        var kinds = (await Helm.RenderAsync(ValuesFile.Of(values), "--kube-version", "1.20.15")).Kinds.ToList();

        Assert.NotEmpty(kinds);
        Assert.DoesNotContain(kinds, kind => kind is "policy/v1/PodDisruptionBudget" or "autoscaling/v2/HorizontalPodAutoscaler");
    }

    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Chart_OnNewKubernetes_UsesWhatIsStillThere(string values)
    {
        var kinds = (await Helm.RenderAsync(ValuesFile.Of(values), "--kube-version", "1.34.0")).Kinds.ToList();

        Assert.NotEmpty(kinds);
        Assert.DoesNotContain(kinds, kind => kind.Contains("beta", StringComparison.Ordinal));
    }

    [HelmFact]
    public async Task Chart_OnKubernetesThatDoesNotTellItsVersion_GoesByWhatItSaysItHas() =>
        Assert.Contains("policy/v1/PodDisruptionBudget", (await Helm.RenderAsync(ValuesFile.Minimal, "--kube-version", "v0.0.0-master+faecb196815e2")).Kinds);

    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Pods_Always_AreLockedDown(string values)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of(values));

        foreach (var pod in PodsOf(manifests))
        {
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.False(pod.AutomountServiceAccountToken);

            // Else Services would set the broker's options.
            Assert.False(pod.EnableServiceLinks);
            Assert.All(pod.Containers.Concat(pod.InitContainers ?? []), container =>
            {
                Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
                Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
                Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            });
        }
    }

    // helm test --logs asks for a pod's logs without naming a container, which Kubernetes refuses if there are several: helm test would fail.
    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task TestPods_Always_HaveOneContainerEach(string values)
    {
        var tests = (await Helm.RenderAsync(ValuesFile.Of(values))).Of<V1Pod>().ToList();

        Assert.Equal(2, tests.Count);
        Assert.All(tests, test => Assert.Single(test.Spec.Containers));
    }

    // Where every node is kept for something, a test would find none.
    [HelmTheory]
    [InlineData("trial", "single")]
    [InlineData("production", "gateways")]
    public async Task TestPods_WhereNodesAreKeptForTheBroker_RunThere(string values, string front)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of(values), "--set", $"{front}.nodeSelector.kept=broker,{front}.tolerations[0].key=kept");

        Assert.All(manifests.Of<V1Pod>(), test =>
        {
            Assert.Equal("broker", test.Spec.NodeSelector["kept"]);
            Assert.Equal("kept", Assert.Single(test.Spec.Tolerations).Key);
        });
    }

    // Before 1.24 a container runtime's default profile may keep .NET from starting.
    [HelmTheory]
    [InlineData("1.20.15", "", null)]
    [InlineData("1.23.17-gke.100", "", null)]
    [InlineData("1.24.0", "", "RuntimeDefault")]
    [InlineData("1.34.0+k3s1", "", "RuntimeDefault")]
    [InlineData("v0.0.0-master+faecb196815e2", "", "RuntimeDefault")]
    [InlineData("1.20.15", "podSecurityContext.seccompProfile.type=RuntimeDefault", "RuntimeDefault")]
    [InlineData("1.34.0", "podSecurityContext.seccompProfile.type=Unconfined", "Unconfined")]
    public async Task Seccomp_OnKubernetesOfAVersion_IsWhatItsRuntimesStartDotnetWith(string version, string values, string? profile)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of("autoscaling"), "--kube-version", version, "--set", values);

        Assert.All(PodsOf(manifests).Where(pod => pod.SecurityContext.RunAsUser == 1654), pod => Assert.Equal(profile, pod.SecurityContext.SeccompProfile?.Type));
        if (values.Length == 0)
        {
            Assert.All(PodsOf(manifests), pod => Assert.Equal(profile, pod.SecurityContext.SeccompProfile?.Type));
        }
    }

    // Without a user's name pg_isready looks for that of its process, and does not try to connect when the image does not know it, as it does not know 1654.
    [HelmFact]
    public async Task PostgresOfTheChart_Awaited_IsAskedForAUser()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of("autoscaling"));

        var waits = PodsOf(manifests).SelectMany(pod => pod.InitContainers ?? []).Where(container => container.Name == "await-postgres").ToList();
        Assert.Equal(2, waits.Count);
        Assert.All(waits, wait => Assert.Contains(" -U granary -d granary ", wait.Command[^1], StringComparison.Ordinal));

        // The first process of a container gets no signal that it does not ask for: a pod that is deleted while it waits would wait on for all of its grace.
        Assert.All(waits, wait => Assert.StartsWith("trap 'exit 1' TERM; ", wait.Command[^1], StringComparison.Ordinal));
        var postgres = manifests.One<V1StatefulSet>("granary-postgres").Spec.Template.Spec.Containers[0];
        Assert.All([postgres.StartupProbe, postgres.LivenessProbe, postgres.ReadinessProbe], probe =>
        {
            Assert.Contains("-U granary -d granary", string.Join(' ', probe.Exec.Command), StringComparison.Ordinal);

            // Kubernetes gives a command one second unless told, which a busy node needs to start it.
            Assert.Equal(5, probe.TimeoutSeconds);
        });
    }

    [HelmFact]
    public async Task Labels_WithTheLongestNames_AreNoLongerThanKubernetesAllows()
    {
        var name = new string('n', 54);
        var manifests = await Helm.RenderAsync(ValuesFile.Everything, "--set", $"nameOverride={name}");

        Assert.All(manifests.Of<V1StatefulSet>().SelectMany(set => set.Spec.Template.Metadata.Labels.Values), value => Assert.InRange(value.Length, 1, 63));
    }

    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Services_Always_FindAPortOfAPod(string values)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of(values));
        var templates = manifests.Of<V1StatefulSet>().Select(set => set.Spec.Template).Concat(manifests.Of<V1Deployment>().Select(deployment => deployment.Spec.Template)).ToList();

        Assert.All(manifests.Of<V1Service>(), service =>
        {
            var pods = templates.Where(pod => service.Spec.Selector.All(label => pod.Metadata.Labels.TryGetValue(label.Key, out var value) && value == label.Value)).ToList();
            Assert.NotEmpty(pods);
            Assert.All(pods, pod => Assert.All(service.Spec.Ports, port => Assert.Contains(pod.Spec.Containers[0].Ports, its => its.Name == port.TargetPort.Value)));
        });
    }

    // Kubernetes 1.20 lets nobody apply on the server what leaves the protocol out, and Helm 4 does that unless told.
    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Ports_Always_NameTheirProtocol(string values)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Of(values));

        Assert.All(manifests.Of<V1Service>().SelectMany(service => service.Spec.Ports), port => Assert.Equal("TCP", port.Protocol));
        Assert.All(PodsOf(manifests).SelectMany(pod => pod.Containers).SelectMany(container => container.Ports ?? []), port => Assert.Equal("TCP", port.Protocol));
    }

    [HelmFact]
    public async Task Everything_Rendered_HasEachOptionalPart()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Everything, "--kube-version", "1.34.0");

        Assert.Equal(
            ["cert-manager.io/v1/Certificate", "gateway.networking.k8s.io/v1/GRPCRoute", "gateway.networking.k8s.io/v1/HTTPRoute", "keda.sh/v1alpha1/ScaledObject", "monitoring.coreos.com/v1/PrometheusRule", "monitoring.coreos.com/v1/ServiceMonitor"],
            manifests.Foreign.Order(StringComparer.Ordinal));
        Assert.Equal(2, manifests.Of<V1PodDisruptionBudget>().Count());
        Assert.Equal(2, manifests.Of<V1Ingress>().Count());
        Assert.Equal(2, manifests.Of<V1NetworkPolicy>().Count());
    }

    [HelmFact]
    public async Task Silos_Rendered_StartAtOnceAndKeepNothing()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Production);

        var silos = manifests.One<V1StatefulSet>("granary-silo").Spec;
        Assert.Equal("Parallel", silos.PodManagementPolicy);
        Assert.Null(silos.VolumeClaimTemplates);
        Assert.Equal("8Gi", silos.Template.Spec.Volumes.Single(volume => volume.Name == "data").EmptyDir.SizeLimit.ToString());
        var members = manifests.One<V1Service>(silos.ServiceName).Spec;
        Assert.Equal("None", members.ClusterIP);
        Assert.True(members.PublishNotReadyAddresses);
    }

    // The scheduler heeds no constraint of a pod at nodes that lack the label of one: with zone and node in the same list, nodes without zones would all be the same to it.
    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Members_OnNodesWithoutZones_AreSpreadAllTheSame(string values)
    {
        foreach (var pod in PodsOf(await Helm.RenderAsync(ValuesFile.Of(values))).Where(pod => pod.TopologySpreadConstraints is not null))
        {
            Assert.Single(pod.TopologySpreadConstraints);
            if (values != "everything")
            {
                Assert.Equal("ScheduleAnyway", pod.TopologySpreadConstraints[0].WhenUnsatisfiable);
                var other = Assert.Single(pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution).PodAffinityTerm;
                Assert.Equal("kubernetes.io/hostname", other.TopologyKey);
                Assert.Equal(pod.TopologySpreadConstraints[0].LabelSelector.MatchLabels, other.LabelSelector.MatchLabels);
            }
        }
    }

    [HelmFact]
    public async Task Gateways_WithADrainTime_AreNotKilledInIt()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Production, "--set", "gateways.drainTime=40");

        Assert.Equal(70, manifests.One<V1Deployment>("granary-gateway").Spec.Template.Spec.TerminationGracePeriodSeconds);
    }

    [HelmFact]
    public async Task Autoscaler_OfConnections_IsSaidInBothVersions()
    {
        foreach (var version in new[] { "1.20.15", "1.34.0" })
        {
            var manifests = await Helm.RenderAsync(ValuesFile.Of("autoscaling"), "--kube-version", version);

            var scaler = Assert.Single(manifests.Of<V2HorizontalPodAutoscaler>()).Spec;
            Assert.Equal(60, scaler.Metrics[0].Resource.Target.AverageUtilization);
            Assert.Equal(2000, scaler.Metrics[1].Pods.Target.AverageValue.ToInt32());
            Assert.Null(manifests.One<V1Deployment>(scaler.ScaleTargetRef.Name).Spec.Replicas);
        }
    }

    [HelmFact]
    public async Task MembersPort_WithNetworkPolicies_IsForMembersAlone()
    {
        var policy = (await Helm.RenderAsync(ValuesFile.NetworkPolicies)).One<V1NetworkPolicy>("granary").Spec;

        var rule = Assert.Single(policy.Ingress, rule => rule.Ports.Any(port => port.Port.Value == "11111"));
        var peer = Assert.Single(rule.FromProperty);
        Assert.Equal(policy.PodSelector.MatchLabels, peer.PodSelector.MatchLabels);
        Assert.Null(peer.NamespaceSelector);
    }

    [HelmTheory]
    [InlineData("tls.existingSecret=shown", "shown")]
    [InlineData("tls.certManager.enabled=true,tls.certManager.issuerRef.name=ca", "granary-tls")]
    public async Task Tls_TowardsClients_IsSpokenByWhoHasClientsAtPortsOfTheirServices(string values, string secret)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.NetworkPolicies, "--set", $"{values},tls.verifyPeer=true,tls.requireCertificate=true");

        var gateway = manifests.One<V1Deployment>("granary-gateway").Spec.Template.Spec;
        var volume = Assert.Single(gateway.Volumes, volume => volume.Name == "tls").Secret;
        Assert.Equal((secret, "tls.crt,tls.key,ca.crt"), (volume.SecretName, string.Join(',', volume.Items.Select(item => item.Path))));
        Assert.Null(Assert.Single(gateway.Containers[0].VolumeMounts, mount => mount.Name == "tls").SubPath);
        Assert.Equal(
            ["/etc/granary/tls/ca.crt", "/etc/granary/tls/tls.crt", "/etc/granary/tls/tls.key", "true", "verify_peer"],
            gateway.Containers[0].Env.Where(one => one.Name.StartsWith("GRANARY_TLS_", StringComparison.Ordinal)).Select(one => one.Value).Order(StringComparer.Ordinal));
        Assert.Equal([5671, 5672], manifests.One<V1Service>("granary").Spec.Ports.Select(port => port.Port).Order());
        Assert.Equal([50051, 50052], manifests.One<V1Service>("granary-grpc").Spec.Ports.Select(port => port.Port).Order());
        Assert.Equal([15671, 15672], manifests.One<V1Service>("granary-management").Spec.Ports.Select(port => port.Port).Order());
        var allowed = manifests.One<V1NetworkPolicy>("granary").Spec.Ingress.SelectMany(rule => rule.Ports).Select(port => port.Port.Value);
        Assert.All(new[] { "5671", "50052", "15671" }, port => Assert.Contains(port, allowed));

        // Silos have no clients.
        Assert.DoesNotContain(manifests.One<V1StatefulSet>("granary-silo").Spec.Template.Spec.Volumes, silo => silo.Name == "tls");
    }

    [HelmFact]
    public async Task Tls_NotConfigured_HasNoPort() =>
        Assert.All((await Helm.RenderAsync(ValuesFile.NetworkPolicies)).Of<V1Service>().SelectMany(service => service.Spec.Ports), port => Assert.DoesNotContain(port.Port, new[] { 5671, 50052, 15671 }));

    [HelmTheory]
    [InlineData("definitions.existingSecret=shop", "shop", null)]
    [InlineData("definitions.existingConfigMap=shop", null, "shop")]
    public async Task Definitions_ThatAreNamed_AreImportedByWhoHasClients(string values, string? secret, string? configMap)
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Minimal, "--set", $"{values},definitions.skipIfUnchanged=true");

        var gateway = manifests.One<V1Deployment>("granary-gateway").Spec.Template.Spec;
        var volume = Assert.Single(gateway.Volumes, volume => volume.Name == "definitions");
        Assert.Equal((secret, configMap), (volume.Secret?.SecretName, volume.ConfigMap?.Name));
        var folder = Assert.Single(gateway.Containers[0].VolumeMounts, mount => mount.Name == "definitions").MountPath;
        Assert.Equal(folder, Assert.Single(gateway.Containers[0].Env, one => one.Name == "GRANARY_LOAD_DEFINITIONS").Value);
        Assert.Equal("true", Assert.Single(gateway.Containers[0].Env, one => one.Name == "GRANARY_DEFINITIONS_SKIP_IF_UNCHANGED").Value);
        Assert.DoesNotContain(manifests.One<V1StatefulSet>("granary-silo").Spec.Template.Spec.Volumes, silo => silo.Name == "definitions");
    }

    [HelmFact]
    public async Task Variable_NamedTwice_IsThereOnceAndTheLastCounts()
    {
        var manifests = await Helm.RenderAsync(
            ValuesFile.Minimal, "--set", "extraEnv[0].name=GRANARY_SEND_TIMEOUT,extraEnv[0].value=a", "--set", "silos.extraEnv[0].name=GRANARY_SEND_TIMEOUT,silos.extraEnv[0].value=b");

        Assert.Equal("b", Assert.Single(manifests.One<V1StatefulSet>("granary-silo").Spec.Template.Spec.Containers[0].Env, one => one.Name == "GRANARY_SEND_TIMEOUT").Value);
        Assert.Equal("a", Assert.Single(manifests.One<V1Deployment>("granary-gateway").Spec.Template.Spec.Containers[0].Env, one => one.Name == "GRANARY_SEND_TIMEOUT").Value);
    }

    private static List<V1PodSpec> PodsOf(Manifests manifests) =>
    [
        .. manifests.Of<V1StatefulSet>().Select(set => set.Spec.Template.Spec),
        .. manifests.Of<V1Deployment>().Select(deployment => deployment.Spec.Template.Spec),
        .. manifests.Of<V1Pod>().Select(test => test.Spec),
    ];
}
