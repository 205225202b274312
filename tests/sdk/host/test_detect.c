#include "host/container.h"

#include <stdlib.h>
#include <unistd.h>

#include "support/check.h"
#include "telltale/host.h"

#define ID "3f4e0c4f6b6a4f8f9d3f4e0c4f6b6a4f8f9d3f4e0c4f6b6a4f8f9d3f4e0c4f6b"
#define UID "0af1c6ae-95a7-4c60-a8a3-a2f3cf0ae3e4"

static void finds(struct str found, const char *expected)
{
    assert_int_equal(found.n, strlen(expected));
    assert_memory_equal(found.p ? found.p : "", expected, found.n);
}

static void test_container_id_is_found_in_control_groups(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "13:name=systemd:/\n12:pids:/docker/" ID "\n",
        "0::/system.slice/docker-" ID ".scope\n",
        "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0af1c6ae_95a7_4c60_a8a3_"
        "a2f3cf0ae3e4.slice/cri-containerd-" ID ".scope",
        "0::/../../crio-" ID ".scope\n",
        "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
        ".scope/container\n",
        "11:memory:/kubepods/besteffort/pod" UID "/" ID "\n",
        "1:cpu:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID "\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        finds(container_id_of_cgroup(str_c(texts[i])), ID);
}

static void test_control_group_without_container_has_no_id(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "0::/",
                                        "0::/\n",
                                        "0::/user.slice/user-1000.slice/session-2.scope\n",
                                        "0::/system.slice/ssh.service\n",
                                        "12:pids:/docker/3f4e0c4f6b6a4f8Z3f4e0c4f6b6a4f8f9\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        finds(container_id_of_cgroup(str_c(texts[i])), "");
}

static void test_container_id_is_found_in_mounts(void **state)
{
    (void)state;
    finds(container_id_of_mounts(
              STR("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                  "678 655 254:1 /docker/containers/" ID "/resolv.conf /etc/resolv.conf rw\n"
                  "679 655 254:1 /docker/containers/" ID "/hostname /etc/hostname rw - ext4\n")),
          ID);
    finds(container_id_of_mounts(
              STR("983 961 0:56 /containers/overlay-containers/" ID
                  "/userdata/hostname /etc/hostname rw,nosuid - tmpfs tmpfs rw\n")),
          ID);
    finds(container_id_of_mounts(
              STR("1 2 0:5 /io.containerd.grpc.v1.cri/sandboxes/" ID "/hostname /etc/hostname rw")),
          "");
    finds(container_id_of_mounts(STR("")), "");
}

static void test_pod_uid_is_found_in_control_groups(void **state)
{
    (void)state;
    finds(pod_uid_of_cgroup(STR("11:memory:/kubepods/besteffort/pod" UID "/" ID "\n")), UID);
    finds(pod_uid_of_cgroup(STR("0::/kubepods-pod0af1c6ae_95a7_4c60_a8a3_a2f3cf0ae3e4.slice")),
          "0af1c6ae_95a7_4c60_a8a3_a2f3cf0ae3e4");
    finds(pod_uid_of_cgroup(STR("0::/podman/libpod_pod")), "");
    finds(pod_uid_of_cgroup(STR("0::/pod0af1c6ae-95a7-4c60-a8a3-a2f3cf0ae3e")), "");
}

static const tt_attr *attribute(const tt_resource *r, const char *key)
{
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(r, &attrs);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(attrs[i].key, attrs[i].key_n), str_c(key)))
            return &attrs[i];
    }
    return NULL;
}

static void has_text(const tt_resource *r, const char *key, const char *expected)
{
    const tt_attr *a = attribute(r, key);
    assert_non_null(a);
    finds(str_of(a->value.as.text, a->value.n), expected);
}

static void test_host_os_and_process_are_described(void **state)
{
    (void)state;
    tt_resource *r = tt_resource_detect(TT_DETECT_HOST | TT_DETECT_OS | TT_DETECT_PROCESS);
    assert_non_null(attribute(r, "host.name"));
    assert_non_null(attribute(r, "host.arch"));
    has_text(r, "os.type", "linux");
    assert_int_equal(attribute(r, "process.pid")->value.as.integer, getpid());
    has_text(r, "process.executable.name", "test_sdk_detect");
    assert_non_null(tt_resource_schema_url(r));
    tt_resource_free(r);
}

static void test_detectors_that_are_not_asked_find_nothing(void **state)
{
    (void)state;
    tt_resource *r = tt_resource_detect(TT_DETECT_NONE);
    const tt_attr *attrs;
    assert_int_equal(tt_resource_attributes(r, &attrs), 0);
    assert_null(tt_resource_schema_url(r));
    tt_resource_free(r);
}

static void test_pod_is_described_by_downward_variables(void **state)
{
    (void)state;
    tt_resource *r = tt_resource_detect(TT_DETECT_KUBERNETES);
    assert_null(attribute(r, "k8s.pod.name"));
    tt_resource_free(r);
    assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1), 0);
    assert_int_equal(setenv("POD_NAME", "shop-1", 1), 0);
    assert_int_equal(setenv("K8S_NAMESPACE_NAME", "prod", 1), 0);
    r = tt_resource_detect(TT_DETECT_KUBERNETES);
    has_text(r, "k8s.pod.name", "shop-1");
    has_text(r, "k8s.namespace.name", "prod");
    assert_null(attribute(r, "k8s.node.name"));
    tt_resource_free(r);
    (void)unsetenv("KUBERNETES_SERVICE_HOST");
}

static void test_instance_id_is_a_new_uuid_each_time(void **state)
{
    (void)state;
    tt_resource *a = tt_resource_detect(TT_DETECT_SERVICE);
    tt_resource *b = tt_resource_detect(TT_DETECT_SERVICE);
    const tt_value *one = &attribute(a, "service.instance.id")->value;
    const tt_value *two = &attribute(b, "service.instance.id")->value;
    assert_int_equal(one->n, 36);
    assert_int_equal(one->as.text[14], '4');
    assert_memory_not_equal(one->as.text, two->as.text, 36);
    tt_resource_free(a);
    tt_resource_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_id_is_found_in_control_groups),
        cmocka_unit_test(test_control_group_without_container_has_no_id),
        cmocka_unit_test(test_container_id_is_found_in_mounts),
        cmocka_unit_test(test_pod_uid_is_found_in_control_groups),
        cmocka_unit_test(test_host_os_and_process_are_described),
        cmocka_unit_test(test_detectors_that_are_not_asked_find_nothing),
        cmocka_unit_test(test_pod_is_described_by_downward_variables),
        cmocka_unit_test(test_instance_id_is_a_new_uuid_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
